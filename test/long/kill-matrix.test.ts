import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { attach } from '../cluster/cluster.ts';
import { TEST_CLUSTER } from '../support/cluster-setup.ts';
import { Lane, type LaneOptions } from '../support/kills/lane.ts';
import { Ledger } from '../support/kills/ledger.ts';
import { liveAll, measureCalm, type Report } from '../support/kills/lives.ts';
import { drawLives, LIFE, wordsOf } from '../support/kills/points.ts';

const POINTS = Number(process.env['STEWARD_KILLS_POINTS'] ?? 200);
const SEED = Number(process.env['STEWARD_KILLS_SEED'] ?? Date.now() % 2 ** 31);
/** More of them than cores: most of the time each waits for pods. */
const LANES = Number(process.env['STEWARD_KILLS_LANES'] ?? 4);
/** Only points whose words contain this; the stages before them pass in peace. */
const ONLY = process.env['STEWARD_KILLS_ONLY'] ?? '';

let ledger: Ledger;
const lanes: Lane[] = [];
const say = (line: string): void => void process.stderr.write(`${line}\n`);

beforeAll(async () => {
  const cluster = await attach(TEST_CLUSTER);
  if (!cluster) throw new Error(`there is no cluster ${TEST_CLUSTER}`);
  ledger = await Ledger.open(TEST_CLUSTER);
  const options: LaneOptions = {
    kubeconfig: inject('kubeconfig'),
    hostAddress: inject('hostAddress'),
    postgresUrl: inject('postgresUrl'),
    agentImage: inject('agentImage'),
    probe: inject('probeImages').one,
    ledger,
    cluster,
  };
  const opened = await Promise.allSettled(Array.from({ length: LANES }, () => Lane.open(options)));
  for (const lane of opened) {
    if (lane.status === 'fulfilled') lanes.push(lane.value);
    else say(String(lane.reason));
  }
  expect(lanes).toHaveLength(LANES);
});
afterAll(async () => {
  await Promise.all(lanes.map((lane) => lane.close()));
  await ledger?.close();
});

it(
  `${POINTS} deaths at steps of install, upgrade, rollback and uninstall all end right by themselves, each effect once (STEWARD_KILLS_SEED=${SEED})`,
  { timeout: POINTS * 60_000 + 300_000 },
  async () => {
    const [first] = lanes;
    if (!first) throw new Error('there is no lane');
    const calm = await measureCalm(first);
    for (const stage of LIFE) {
      const { changes, commits, phases } = calm[stage];
      say(`${stage}: ${changes} changes, ${commits} commits, ${phases.join(' ')}`);
    }
    const lives = drawLives(Math.ceil(POINTS / LIFE.length), calm, SEED).map((points) =>
      points.filter((point) => wordsOf(point).includes(ONLY)),
    );
    const reports: Report[] = [];
    const told = (report: Report): void => {
      reports.push(report);
      const { words, hasKilled, failure, ms } = report;
      const end = failure === undefined ? 'right' : `WRONG: ${failure}`;
      say(`${reports.length} ${words}${hasKilled ? '' : ' (nobody died)'}, ${(ms / 1000).toFixed(1)} s: ${end}`);
    };
    await liveAll(
      lanes,
      lives.filter((points) => points.length > 0),
      told,
    );
    say(`${reports.filter(({ hasKilled }) => hasKilled).length} deaths in ${reports.length} operations`);
    expect(reports.flatMap(({ words, failure }) => (failure === undefined ? [] : [words]))).toEqual([]);
  },
);
