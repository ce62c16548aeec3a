import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLanes, type OpenLanes } from '../support/kills/lanes-of-test.ts';
import { liveAndDie, measureCalm, type Report } from '../support/kills/lives.ts';
import { createRandom, drawLives, LIFE, STEPS, wordsOf } from '../support/kills/points.ts';

const POINTS = Number(process.env['STEWARD_KILLS_POINTS'] ?? 200);
const SEED = Number(process.env['STEWARD_KILLS_SEED'] ?? Date.now() % 2 ** 31);
/** More of them than cores: most of the time each waits for pods. */
const LANES = Number(process.env['STEWARD_KILLS_LANES'] ?? 4);
/** Only points whose words contain this; the stages before them pass in peace. */
const ONLY = process.env['STEWARD_KILLS_ONLY'] ?? '';

let open: OpenLanes;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
const say = (line: string): void => void process.stderr.write(`${line}\n`);

beforeAll(async () => {
  open = await openLanes(LANES);
});
afterAll(() => open?.close());

it('the steps at which somebody dies are those of a life in which nobody does', { timeout: 600_000 }, async () => {
  const [lane] = open.lanes;
  if (!lane) throw new Error('there is no lane');
  const calm = await measureCalm(lane);
  for (const stage of LIFE) {
    const { changes, phases, renders } = calm[stage];
    expect(new Set(phases), stage).toEqual(new Set(STEPS[stage].phases));
    expect(renders, stage).toBe(STEPS[stage].renders);
    // Progress is told by changes too, and how often depends on how fast it is.
    expect(Math.abs(changes - STEPS[stage].changes), `${stage}: ${changes} changes`).toBeLessThan(10);
  }
});

it(
  `${POINTS} deaths at steps of install, upgrade, rollback and uninstall all end right by themselves, each effect once (STEWARD_KILLS_SEED=${SEED})`,
  { timeout: POINTS * 60_000 + 300_000 },
  async () => {
    const drawn = drawLives(Math.ceil(POINTS / LIFE.length), SEED);
    const lives = drawn.map((points) => points.filter((point) => wordsOf(point).includes(ONLY)));
    const reports: Report[] = [];
    const told = (report: Report): void => {
      reports.push(report);
      const { words, point, hasKilled, failure, ms } = report;
      const end = failure === undefined ? 'right' : `WRONG: ${failure}`;
      const missed = point && !hasKilled ? ' (nobody died: a spare follows)' : '';
      say(`${reports.length} ${words}${missed}, ended ${seconds(ms.ended)}, agreed ${seconds(ms.settled)}: ${end}`);
    };
    const unreached = await liveAndDie(open.lanes, lives, { random: createRandom(SEED), told });
    const deaths = reports.filter(({ hasKilled }) => hasKilled).length;
    say(`${deaths} deaths in ${reports.length} operations (STEWARD_KILLS_SEED=${SEED})`);
    expect(reports.flatMap(({ words, failure }) => (failure === undefined ? [] : [words]))).toEqual([]);
    expect(unreached, 'steps at which nobody ever died').toEqual([]);
    expect(deaths).toBe(lives.flat().length);
    expect(deaths).toBeGreaterThan(0);
  },
);
