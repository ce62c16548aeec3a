import { waitUntil } from '../wait-until.ts';
import { differencesAfter, type Ended } from './expectations.ts';
import type { Lane, Mortal } from './lane.ts';
import { LIFE, wordsOf, type Calm, type Point, type Stage } from './points.ts';
import { setTrap, watchCalm } from './trap.ts';

/** For reports to arrive and pods to be ready, when an operation is over. */
const SETTLE_MS = 120_000;
const LINES_OF_LOG = 60;

export interface Report {
  words: string;
  /** False: its moment never came. */
  hasKilled: boolean;
  /** What was not as it should be. */
  failure?: string;
  /** From the wish to the end of the operation, and until both sides agreed. */
  ms: { ended: number; settled: number };
}

interface Telling {
  told: (report: Report) => void;
  /** No stage is begun any more. */
  isOver: () => boolean;
}

/** One life of an installation in a lane, with a death at each of its points. It is given up after the first failure. */
async function live(lane: Lane, name: string, points: readonly Point[], { told, isOver }: Telling): Promise<void> {
  let mortal: Mortal | undefined;
  for (const stage of LIFE) {
    if (isOver()) break;
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
    told({ words, hasKilled, ms, ...(failure !== undefined && { failure }) });
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

/** Shares the lives among the lanes, each the next one as soon as it is free. */
export async function liveAll(
  lanes: readonly Lane[],
  lives: readonly (readonly Point[])[],
  told: (report: Report) => void,
  isOver = (): boolean => false,
): Promise<void> {
  const left = [...lives.entries()];
  const work = async (lane: Lane): Promise<void> => {
    for (let next = left.shift(); next && !isOver(); next = left.shift())
      await live(lane, `m${next[0] + 1}`, next[1], { told, isOver });
  };
  await Promise.all(lanes.map(work));
}
