import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLanes, type OpenLanes } from '../support/kills/lanes-of-test.ts';
import { liveAndDie, type Report } from '../support/kills/lives.ts';
import { createRandom, drawPairs, LIFE } from '../support/kills/points.ts';

const POINTS = Number(process.env['STEWARD_PAIRS_POINTS'] ?? 60);
const SEED = Number(process.env['STEWARD_PAIRS_SEED'] ?? Date.now() % 2 ** 31);
const LANES = Number(process.env['STEWARD_PAIRS_LANES'] ?? 4);

let open: OpenLanes;
beforeAll(async () => {
  open = await openLanes(LANES);
});
afterAll(() => open?.close());

it(
  `${POINTS} times somebody dies and another one with it, or the agent once more, and all ends right, each effect once (STEWARD_PAIRS_SEED=${SEED})`,
  { timeout: POINTS * 90_000 + 300_000 },
  async () => {
    const reports: Report[] = [];
    const told = (report: Report): void => {
      reports.push(report);
      const { words, hasKilled, failure } = report;
      const end = failure === undefined ? 'right' : `WRONG: ${failure}`;
      process.stderr.write(`${reports.length} ${words}${hasKilled ? '' : ' (nobody died)'}: ${end}\n`);
    };
    const lives = drawPairs(Math.ceil(POINTS / LIFE.length), SEED);
    const unreached = await liveAndDie(open.lanes, lives, { random: createRandom(SEED), told });
    expect(reports.flatMap(({ words, failure }) => (failure === undefined ? [] : [words]))).toEqual([]);
    expect(unreached, 'steps at which nobody ever died').toEqual([]);
  },
);
