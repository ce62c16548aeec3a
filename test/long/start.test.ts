import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { START_CLUSTER } from '../../scripts/start/cluster-choice.ts';
import { startFolders } from '../../scripts/start/folders.ts';
import { namesOfClusters } from '../cluster/node/record.ts';
import { command, mustSucceed, type Finished } from '../support/command.ts';
import { npmStart, type NpmStart } from '../support/npm-start.ts';
import { waitUntil } from '../support/wait-until.ts';

/**
 * A newcomer's first hour: a bare clone of what is committed, a home with nothing in it, `npm start`, and every line that it prints.
 * `STEWARD_TEST_COLD=1` leaves the built programs out too (with them 3 minutes, without 20 and more).
 */
const IS_COLD = process.env['STEWARD_TEST_COLD'] === '1';
const START_MS = IS_COLD ? 60 * 60_000 : 10 * 60_000;
const ROOT = join(import.meta.dirname, '../..');

let folder: string;
let clone: string;
let environment: Record<string, string>;
let started: Started;

interface Started extends Pick<NpmStart, 'interrupt'> {
  /** By the words before them, without what stands in brackets behind. */
  lines: ReadonlyMap<string, string>;
}

beforeAll(async () => {
  const { state } = startFolders();
  if (existsSync(state))
    throw new Error(`${state} belongs to an npm start of yours, which this test would end: npm run clean first`);
  folder = await mkdtemp(join(tmpdir(), 'steward-newcomer-'));
  clone = join(folder, 'steward');
  const home = join(folder, 'home');
  await mkdir(home);
  await mustSucceed('git', ['clone', '--quiet', ROOT, clone]);
  const cache = IS_COLD ? join(home, '.cache') : process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  // The shell's Node and npm, not those of this repository.
  const path = (process.env['PATH'] ?? '').split(delimiter).filter((entry) => !entry.includes('node_modules'));
  environment = { HOME: home, XDG_CACHE_HOME: cache, XDG_CONFIG_HOME: '', KUBECONFIG: '', PATH: path.join(delimiter) };
});
afterAll(async () => {
  await started?.interrupt();
  if (clone) await run('npm run clean');
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** As somebody would type it in another terminal. */
function run(line: string, timeoutMs = 180_000): Promise<Finished> {
  return command('sh', ['-c', line], { cwd: clone, env: environment, timeoutMs });
}

/** A line that `npm start` has printed. */
function printed(name: string): string {
  const line = started.lines.get(name);
  if (line === undefined) throw new Error(`npm start has printed no line "${name}"`);
  return line;
}

async function start(): Promise<Started> {
  const env = { ...process.env, ...environment };
  const { said, interrupt } = await npmStart({
    cwd: clone,
    env,
    until: 'Ctrl-C stops everything',
    timeoutMs: START_MS,
  });
  const lines = said.matchAll(/^ {2}(?<name>\S.*?) {2,}(?<line>\S.*?)(?: {4,}\(.*\))?$/gm);
  return {
    interrupt,
    lines: new Map([...lines].map(({ groups }) => [groups?.['name'] ?? '', groups?.['line'] ?? ''])),
  };
}

describe('npm start on a bare clone', { timeout: START_MS + 60_000 }, () => {
  it('ends with NATS under management', async () => {
    started = await start();
    const { code, stdout } = await run('npm run -s steward -- status -o json');
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringContaining('2.14.9') });
  });

  it('watches as it says', async () => {
    const watching = await run(`timeout -s INT 5 ${printed('watch')}`);
    expect(watching.stdout).toMatch(/nats/);
  });

  it('upgrades NATS as it says', async () => {
    const upgrade = await run(printed('upgrade NATS'));
    expect(upgrade).toMatchObject({ code: 0 });
    expect((await run('npm run -s steward -- status -o json')).stdout).toContain('2.15.2');
  });

  it('publishes a bad version, and sees it roll back, as it says', async () => {
    expect(await run(printed('publish a bad one'))).toMatchObject({ code: 0 });
    const bad = await run(printed('see it roll back'));
    expect(bad.code).not.toBe(0);
    expect(bad.stdout + bad.stderr).toMatch(/rolled-back/);
    expect((await run('npm run -s steward -- status -o json')).stdout).toContain('2.15.2');
  });

  it('asks the customer, who agrees, as it says', async () => {
    const restarting = run(printed('ask the customer'));
    const yes = await waitUntil(
      async () => {
        // A terminal would be asked [y/N]; there is none here.
        const answer = await run(`${printed("the customer's yes")} --yes`);
        if (answer.code !== 0) throw new Error(answer.stderr);
        return answer;
      },
      { what: 'the plan is there to agree to', timeoutMs: 60_000, intervalMs: 1_000 },
    );
    expect(yes).toMatchObject({ code: 0 });
    expect(await restarting).toMatchObject({ code: 0 });
  });

  it('packages another service, and shows the customer’s side, as it says', async () => {
    expect(await run(printed('another service'))).toMatchObject({ code: 0 });
    const side = await run(printed("the customer's side"));
    expect(side.code).toBe(0);
    expect(side.stdout).toMatch(/^installation\S*\/nats|\bnats\b/m);
  });

  it('goes on after Ctrl-C where it was, and is gone after npm run clean', async () => {
    await started.interrupt();
    expect((await run('npm run -s steward -- status')).code).not.toBe(0);
    started = await start();
    expect((await run('npm run -s steward -- status -o json')).stdout).toContain('2.15.2');
    await started.interrupt();
    expect(await run('npm run clean')).toMatchObject({ code: 0 });
    expect(existsSync(startFolders().state)).toBe(false);
    expect(await namesOfClusters()).not.toContain(START_CLUSTER);
  });
});
