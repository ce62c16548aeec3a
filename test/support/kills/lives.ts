import { waitUntil } from '../wait-until.ts';
import { differencesAfter, type Ended } from './expectations.ts';
import type { Lane, Mortal } from './lane.ts';
import { LIFE, livesOf, spareFor, wordsOf, type Calm, type Point, type Random, type Stage } from './points.ts';
import { setTrap, watchCalm } from './trap.ts';

/** For reports to arrive and pods to be ready, when an operation is over. */
const SETTLE_MS = 120_000;
const LINES_OF_LOG = 60;

export interface Report {
  words: string;
  /** Who was to die when; none in a stage that was to pass in peace. */
  point?: Point;
  /** False: its moment never came, or its victim had ended by then. */
  hasKilled: boolean;
  /** What was not as it should be. */
  failure?: string;
  /** From the wish to the end of the operation, and until both sides agreed. */
  ms: { ended: number; settled: number };
}

interface Life {
  /** Of its installation. */
  name: string;
  points: readonly Point[];
  told: (report: Report) => void;
}

/** One life of an installation in a lane, with a death at each of its points. It is given up after the first failure. */
async function live(lane: Lane, { name, points, told }: Life): Promise<void> {
  let mortal: Mortal | undefined;
  for (const stage of LIFE) {
    const point = points.find((each) => each.stage === stage);
    const startedMs = Date.now();
    const since = { agent: lane.agent.lines.length, hub: lane.hubLogs.length };
    const trap = point && setTrap(lane, point);
    let failure: string | undefined;
    let hasKilled = false;
    const ms = { ended: 0, settled: 0 };
    const over = async (): Promise<void> => {
      ms.ended = Date.now() - startedMs;
      hasKilled = (await trap?.lift()) ?? false;
    };
    try {
      mortal = await act({ lane, stage, name, mortal }, over);
      const complaints = complaintsOf(lane, since);
      if (complaints.length > 0) throw new Error(complaints.join('\n'));
    } catch (error) {
      await trap?.lift().catch(() => false);
      await lane.revived();
      failure = [String(error), ...lane.agent.lines.slice(since.agent).slice(-LINES_OF_LOG)].join('\n');
    }
    const words = `${name}: ${point ? wordsOf(point) : `nobody in the ${stage}`}`;
    ms.settled = Date.now() - startedMs;
    told({ words, ...(point && { point }), hasKilled, ms, ...(failure !== undefined && { failure }) });
    if (failure !== undefined) break;
  }
}

interface Act {
  lane: Lane;
  stage: Stage;
  name: string;
  mortal: Mortal | undefined;
}

/** One stage, until both sides have settled. @param over called when the operation has ended */
async function act({ lane, stage, name, mortal }: Act, over: () => Promise<unknown>): Promise<Mortal> {
  const { mortal: it, operation } = await begin({ lane, stage, name, mortal });
  await lane.ended(operation);
  await over();
  await lane.revived();
  await settled({ lane, stage, mortal: it, operation });
  return it;
}

async function begin({ lane, stage, name, mortal }: Act): Promise<{ mortal: Mortal; operation: string }> {
  if (stage === 'install') return lane.install(name);
  if (!mortal) throw new Error(`there is nothing to ${stage}`);
  return { mortal, operation: await lane.push(stage, mortal) };
}

async function settled(ended: Ended): Promise<void> {
  let last: string[] = [];
  const isSettled = async (): Promise<boolean> => {
    last = await differencesAfter(ended);
    return last.length === 0;
  };
  const patience = { what: 'both sides agree', timeoutMs: SETTLE_MS, intervalMs: 250 };
  await waitUntil(isSettled, patience).catch((error: unknown) => {
    throw new Error([String(error), ...last].join('\n'), { cause: error });
  });
}

/** Lines of a log that nobody should have to read. */
function complaintsOf(lane: Lane, since: { agent: number; hub: number }): string[] {
  const agent = lane.agent.lines
    .slice(since.agent)
    .filter((line) => !line.startsWith('{') || levelOf(line) === 'error');
  const hub = lane.hubLogs.slice(since.hub).filter((line) => Number(levelOf(line)) >= 50);
  return [...agent.map((line) => `agent: ${line}`), ...hub.map((line) => `hub: ${line}`)];
}

/** Undefined for a line that a death cut off. */
function levelOf(line: string): unknown {
  try {
    return (JSON.parse(line) as { level?: unknown }).level;
  } catch {
    return undefined;
  }
}

/** What each stage does when nobody dies. @throws Error when even that does not end well */
export async function measureCalm(lane: Lane): Promise<Record<Stage, Calm>> {
  const calm: Partial<Record<Stage, Calm>> = {};
  let mortal: Mortal | undefined;
  for (const stage of LIFE) {
    const seen = watchCalm(lane);
    mortal = await act({ lane, stage, name: 'calm', mortal }, async () => void (calm[stage] = seen()));
  }
  return calm as Record<Stage, Calm>;
}

/** Lives that share the lanes, each the next one as soon as one is free. @param name of all of them, before their number */
export async function liveAll(
  lanes: readonly Lane[],
  lives: readonly (readonly Point[])[],
  { name, told }: Omit<Life, 'points'>,
): Promise<void> {
  const left = [...lives.entries()];
  const work = async (lane: Lane): Promise<void> => {
    for (let next = left.shift(); next; next = left.shift())
      await live(lane, { name: `${name}${next[0] + 1}`, points: next[1], told });
  };
  await Promise.all(lanes.map(work));
}

/** Rounds of lives for spares. A step that comes only now and then is met in one of them. */
const SPARE_ROUNDS = 5;

/**
 * Leads these lives, and further ones until somebody died for each of their points: where a moment did not come, another
 * one of the same victim in the same stage takes its place.
 * @returns points in whose place nobody died in any round, in words
 */
export async function liveAndDie(
  lanes: readonly Lane[],
  lives: readonly (readonly Point[])[],
  { random, told }: { random: Random; told: (report: Report) => void },
): Promise<string[]> {
  let wanted = lives.filter((points) => points.length > 0);
  for (let round = 0; round <= SPARE_ROUNDS; round += 1) {
    const missed: Point[] = [];
    const note = (report: Report): void => {
      told(report);
      const { point, hasKilled, failure } = report;
      if (point && !hasKilled && failure === undefined) missed.push(point);
    };
    await liveAll(lanes, wanted, { name: round === 0 ? 'm' : `spare-${round}-`, told: note });
    if (missed.length === 0) return [];
    if (round === SPARE_ROUNDS) return missed.map(wordsOf);
    wanted = livesOf(missed.map((point) => spareFor(point, random)));
  }
  return [];
}
