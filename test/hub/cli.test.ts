// @module-tag one-try
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type {
  CreatedApiToken,
  CreatedCluster,
  CreatedInstallation,
  Operation,
  ReleaseDetails,
  ReleaseKey,
} from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { buildProgram } from '../cluster/programs/programs.ts';
import type { Api } from '../support/api.ts';
import { CLI_PROGRAM } from '../../scripts/process.ts';
import { command, mustSucceed, type Finished } from '../support/command.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../support/hub-database.ts';
import { waitUntil } from '../support/wait-until.ts';

const NATS = join(import.meta.dirname, '../../deploy/catalog/nats');
const digest = `sha256:${'a'.repeat(64)}`;

/** The `steward` command as people run it, against a real hub, with a real helm. Each test goes on where the one before ended. */
describe('the command line', () => {
  let running: HubWithDatabase;
  let folder: string;
  let env: Record<string, string>;

  const steward = (line: string, input?: string): Promise<Finished> =>
    command(process.execPath, [CLI_PROGRAM, ...line.split(' ')], {
      env,
      cwd: folder,
      ...(input !== undefined && { input }),
    });
  const must = async (line: string, input?: string): Promise<Finished> => {
    const finished = await steward(line, input);
    if (finished.code !== 0) throw new Error(`steward ${line} ended with ${finished.code}\n${finished.stderr}`);
    return finished;
  };
  const json = async <T>(line: string): Promise<T> => JSON.parse((await must(`${line} --output json`)).stdout) as T;
  const publish = (version: string, more = ''): Promise<Finished> =>
    steward(
      `publish ${NATS} --key release.key --version ${version} --app-version ${version} --no-registry --image nats:${version}=${digest}${more}`,
    );

  beforeAll(async () => {
    running = await startHubWithDatabase({ tls: 'self' });
    folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
    await writeFile(join(folder, 'ca.pem'), running.hub.caPem ?? '');
    env = { XDG_CONFIG_HOME: join(folder, 'config'), STEWARD_HELM: await buildProgram('helm') };
    await running.hub.owner();
  });
  afterAll(async () => {
    await running.end();
    await rm(folder, { recursive: true, force: true });
  });

  it('does not trust a hub by chance, and logs in with its authority pinned', async () => {
    const { url, ownerEmail, ownerPassword } = running.hub;
    const login = `login ${url} --email ${ownerEmail} --password-stdin`;
    const untrusted = await steward(login, ownerPassword);
    expect(untrusted).toMatchObject({ code: 5, stderr: expect.stringContaining('--ca FILE') });
    await must(`${login} --ca ca.pem`, ownerPassword);
    await rm(join(folder, 'ca.pem'));
    expect((await must('whoami')).stdout).toContain(ownerEmail);
  });

  it('publishes a chart once, and the same again without changing anything', async () => {
    await must('keys create release.key');
    await must('keys trust release.key.pub --name main');
    const first = await publish('2.14.9', ' --channel stable');
    expect(first).toMatchObject({ code: 0, stdout: expect.not.stringContaining('Already published') });
    const again = await publish('2.14.9', ' --channel stable');
    expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining('Already published: nats 2.14.9') });
    expect(await publish('2.15.2')).toMatchObject({ code: 0 });
    const other = await publish('2.15.2', ' --set resources.memoryMi=300');
    expect(other).toMatchObject({ code: 6, stderr: expect.stringContaining('raise version') });
    const details = await json<ReleaseDetails>('release show nats 2.15.2');
    expect(details.release).toMatchObject({ counter: 2, images: [{ digest }] });
    expect((await must('channel list nats')).stdout).toMatch(/stable +2\.14\.9/);
  });

  it('signs which counts a knob sets, and what holds only at installation, and shows both', async () => {
    const { release } = await json<ReleaseDetails>('release show nats 2.15.2');
    const [kind, name] = ['StatefulSet', '${installation}'];
    expect(release.remedies?.scale).toEqual([
      { kind, name, minimum: 1, maximum: 3, options: [1, 3], knob: 'redundancy', onlyAtInstall: true },
    ]);
    expect(release.onlyAtInstall).toEqual(['redundancy', 'storage.className', 'anyUser']);
    const shown = (await must('release show nats 2.15.2')).stdout;
    expect(shown).toMatch(/Only set at installation:\n +redundancy\n/);
    expect(shown).toContain('StatefulSet/${installation}: as many pods as it was installed with (knob redundancy)');
  });

  it('adds a cluster and prints two lines for its customer, of which the verified one builds the same manifest', async () => {
    await must('customer create beta');
    const { stdout, stderr } = await must('cluster create prod --customer beta');
    const curl = stdout.split(' | kubectl')[0] ?? '';
    const plain = await mustSucceed('sh', ['-ec', curl]);
    const verified = /(install --vendor-key \S+ --hub \S+) --hub-pin '(\S+)' --token (\S+)/.exec(stderr);
    const image = /image: (\S+)/.exec(plain)?.[1] ?? '';
    const line = `${verified?.[1]} --hub-pin ${verified?.[2]} --token ${verified?.[3]} --agent-image ${image}`;
    const built = await must(line);
    expect(built.stdout).toBe(plain);
    expect(built.stderr).toContain('In namespace steward-acme the agent may:');
    const wrongPin = line.replace(
      /--hub-pin sha256\/\/./,
      (pin) => `${pin.slice(0, -1)}${pin.endsWith('A') ? 'B' : 'A'}`,
    );
    expect(await steward(wrongPin)).toMatchObject({ code: 5, stderr: expect.stringContaining('Do not go on') });
    const { fingerprint } = await json<ReleaseKey>('keys fingerprint release.key.pub');
    const wrongKey = line.replace(fingerprint, digest);
    expect(await steward(wrongKey)).toMatchObject({ code: 1, stdout: '' });
  });

  it('installs a service with its grant line, whose rights are those that the release asks for', async () => {
    const refused = await steward('install nats --cluster prod --set redundancy=4');
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('redundancy') });
    const created = await json<CreatedInstallation>('install nats --cluster prod --set redundancy=3');
    expect(created.installation).toMatchObject({ version: '2.14.9', parameters: { redundancy: 3 } });
    const grant = await mustSucceed('sh', ['-ec', created.grantCommand.split(' | kubectl')[0] ?? '']);
    const role = parseAllDocuments(grant)
      .map((document) => document.toJS() as { kind: string; rules?: { resources: string[] }[] })
      .find(({ kind }) => kind === 'Role');
    expect(role?.rules?.flatMap(({ resources }) => resources)).toContain('statefulsets');
    expect((await must('installation list')).stdout).toMatch(/beta +prod +nats +nats +- +2\.14\.9 +pending/);
    expect((await must('status')).stdout).toContain('cluster beta/prod is');
  });

  it('shows a change at once while it watches, and ends with the code of the outcome', async () => {
    const [operation] = await json<Operation[]>('operations list --unfinished');
    const watching = steward(`operations watch ${operation?.id}`);
    const metrics = (): Promise<string> => mustSucceed('curl', ['-ks', `${running.hub.url}/metrics`]);
    await waitUntil(async () => (await metrics()).includes('\nsteward_feed_streams 1\n'), { what: 'it watches' });
    await must('operations cancel nats');
    const ended = await watching;
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('cancelled') });
    expect(await steward('operations watch nats')).toMatchObject({ code: 1 });
  });

  it('refuses an upgrade that nobody asked for rightly, in words and with its code', async () => {
    expect(await steward('upgrade nats --version 9.9.9')).toMatchObject({ code: 3 });
    expect(await steward('upgrade db --version 2.15.2')).toMatchObject({ code: 3 });
    expect(await steward('upgrade nats --set storage.percent=99')).toMatchObject({ code: 2 });
    const upgraded = await json<Operation>('upgrade nats --version 2.15.2 --reason tested');
    expect(upgraded).toMatchObject({ kind: 'upgrade', version: '2.15.2', requestReason: 'tested' });
  });

  it('acts with an API token from the environment, in place of the login, as far as its role goes', async () => {
    const { token } = await json<{ token: string }>('token create ci --role viewer');
    const asViewer = await command(process.execPath, [CLI_PROGRAM, 'customer', 'create', 'gamma'], {
      env: { ...env, STEWARD_TOKEN: token },
    });
    expect(asViewer).toMatchObject({ code: 4 });
    const other = { ...env, XDG_CONFIG_HOME: join(folder, 'ci') };
    await writeFile(join(folder, 'hub.pem'), running.hub.caPem ?? '');
    const login = ['login', running.hub.url, '--ca', join(folder, 'hub.pem'), '--token'];
    const loggedIn = await command(process.execPath, [CLI_PROGRAM, ...login], { env: other, input: token });
    expect(loggedIn).toMatchObject({ code: 0, stdout: expect.stringContaining('as ci (viewer of') });
    await must('token delete ci');
    expect(await command(process.execPath, [CLI_PROGRAM, 'whoami'], { env: other })).toMatchObject({ code: 4 });
    const afterwards = await command(process.execPath, [CLI_PROGRAM, 'whoami'], {
      env: { ...env, STEWARD_TOKEN: token },
    });
    expect(afterwards.code).toBe(4);
  });

  /** Somebody new, as whom the API is asked beside the command. */
  const person = async (): Promise<{ owner: Api; email: string; logIn: (password: string) => Promise<Api> }> => {
    const owner = await running.hub.owner();
    const email = `p${randomBytes(4).toString('hex')}@acme.test`;
    await owner.post('/users', { email, name: 'Sam', role: 'support-engineer', password: 'correct horse battery' });
    return { owner, email, logIn: (password) => owner.as(undefined).login(email, password) };
  };

  it('changes one’s own password with the old one, and gives somebody else a new one', async () => {
    const { email, logIn } = await person();
    const session = await logIn('correct horse battery');
    const own = ['user', 'password', '--password-stdin'];
    const changed = await command(process.execPath, [CLI_PROGRAM, ...own], {
      env: { ...env, STEWARD_TOKEN: session.token ?? '' },
      input: 'correct horse battery\nanother horse battery\n',
    });
    expect(changed).toMatchObject({ code: 0, stdout: expect.stringContaining('logged out everywhere else') });
    await logIn('another horse battery');
    await logIn((await must(`user password ${email}`)).stdout.trim());
  });

  it('removes a person after naming the tokens that go too, and not the last owner', async () => {
    const { owner, email, logIn } = await person();
    const session = await logIn('correct horse battery');
    const { token } = await session.post<CreatedApiToken>('/tokens', { name: 'of-sam', role: 'viewer' });
    expect(await steward(`user delete ${email}`)).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    const removed = (await must(`user delete ${email} --yes`)).stdout;
    expect(removed).toContain('logged out everywhere. The API tokens that this person made end too: of-sam.');
    for (const gone of [session, owner.as(token)]) expect((await gone.call('GET', '/me')).status).toBe(401);
    const last = await steward(`user delete ${running.hub.ownerEmail} --yes`);
    expect(last).toMatchObject({ code: 6, stderr: expect.stringContaining('is the last owner') });
  });

  it('ends well when nobody reads on', async () => {
    const line = `'${process.execPath}' '${CLI_PROGRAM}' release show nats 2.15.2 | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await command('bash', ['-c', line], { env });
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('0');
    expect(stderr).toBe('');
  });

  it('forgets the token at log-out, on both sides', async () => {
    await must('logout');
    expect(await steward('whoami')).toMatchObject({ code: 4 });
  });

  it('has a cluster re-enrolled only by a new line', async () => {
    const { ownerEmail, ownerPassword } = running.hub;
    await must(`login --email ${ownerEmail} --password-stdin`, ownerPassword);
    const enrolment = await json<CreatedCluster['enrolment']>('cluster enrol prod');
    expect(enrolment.command).toContain(enrolment.token);
    expect((await must('cluster show prod')).stdout).toContain('Connection:');
    expect((await must('cluster revoke prod --yes')).stdout).toContain('Its services run on');
    expect((await must('cluster list')).stdout).toMatch(/prod +beta +revoked/);
  });
});
