import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { startTestHub, TestProblem, type TestHub, type TestRoute } from '../testing/test-hub.ts';
import { testTerminal, type TestTerminal, type TestTerminalOptions } from '../testing/test-terminal.ts';
import { runSteward } from './program.ts';

const id = '0192f0c1-5a3e-7cc0-8000-2f5f7b1f9b11';
const at = '2026-11-21T12:00:00.000Z';
const organization = { id, slug: 'acme', name: 'Acme', createdAt: at };
const user = { id, email: 'sam@acme.example', name: 'Sam', role: 'owner', createdAt: at };
const customer = (slug: string) => ({ id, slug, name: `${slug} Corp`, createdAt: at });

let folder: string;
let hub: TestHub | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
  await rm(folder, { recursive: true });
});

async function steward(
  line: string,
  routes: Record<string, TestRoute> = {},
  options: TestTerminalOptions = {},
): Promise<{ code: number; terminal: TestTerminal }> {
  hub ??= await startTestHub(routes);
  const env = { XDG_CONFIG_HOME: folder, STEWARD_URL: hub.url, STEWARD_TOKEN: 'secret-token', ...options.env };
  const terminal = testTerminal({ cwd: folder, ...options, env });
  return { code: await runSteward(line.split(' '), terminal), terminal };
}

describe('exit codes', () => {
  it.each([
    ['not-found', 3],
    ['not-authenticated', 4],
    ['not-allowed', 4],
    ['conflict', 6],
    ['operation-in-progress', 6],
    ['invalid-parameters', 2],
    ['invalid-release', 1],
    ['internal', 70],
    ['database-unavailable', 5],
  ] as const)('%s ends with %i, in the words of the hub', async (problem, expected) => {
    const { code, terminal } = await steward('whoami', {
      'GET /me': () => {
        throw new TestProblem(problem, 'this is why');
      },
    });
    expect(code).toBe(expected);
    expect(terminal.stderr()).toContain('this is why');
    expect(terminal.stderr()).toContain(`do something about ${problem}`);
    expect(terminal.stdout()).toBe('');
  });

  it('5: nothing listens at the address', async () => {
    const { code, terminal } = await steward('whoami', {}, { env: { STEWARD_URL: 'http://127.0.0.1:1' } });
    expect(code).toBe(5);
    expect(terminal.stderr()).toContain('127.0.0.1:1 does not accept connections');
  });

  it('2: a command that is not there, with what was perhaps meant', async () => {
    const { code, terminal } = await steward('statsu');
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain('Did you mean status?');
  });

  it('2: an option that is not there, a choice that is none, an argument too few', async () => {
    expect((await steward('status --wach')).code).toBe(2);
    expect((await steward('whoami --output xml')).code).toBe(2);
    expect((await steward('service show')).code).toBe(2);
  });

  it('0: help and version, on standard output', async () => {
    const help = await steward('operations watch --help');
    expect(help.code).toBe(0);
    expect(help.terminal.stdout()).toContain('Examples:\n  $ steward operations watch');
    const version = await steward('--version');
    expect(version).toMatchObject({ code: 0 });
    expect(version.terminal.stdout()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('4: not logged in to any hub', async () => {
    const { code, terminal } = await steward('whoami', {}, { env: { STEWARD_URL: undefined } });
    expect(code).toBe(4);
    expect(terminal.stderr()).toContain('steward login');
  });

  it('4: not logged in under that profile, with those there are', async () => {
    await mkdir(join(folder, 'steward'));
    const saved = { current: 'main', profiles: { main: { url: 'https://hub.example' } } };
    await writeFile(join(folder, 'steward/config.json'), JSON.stringify(saved));
    const { code, terminal } = await steward('whoami --profile nosuch', {}, { env: { STEWARD_URL: undefined } });
    expect(code).toBe(4);
    expect(terminal.stderr()).toMatch(/profile "nosuch"\n.*There is: main\./);
  });

  it('2: a token with a line break in it', async () => {
    const { code, terminal } = await steward('whoami', {}, { env: { STEWARD_TOKEN: 'secret\ntoken' } });
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain('the token has a line break');
    expect(terminal.stderr()).not.toContain('secret');
  });

  it('70: an answer that is no hub says so', async () => {
    const { code, terminal } = await steward('whoami', { 'GET /me': () => ({ hello: 'world' }) });
    expect(code).toBe(70);
    expect(terminal.stderr()).toContain('was not understood');
  });

  it('130: stopped by Ctrl-C while the hub is asked', async () => {
    hub = await startTestHub({ 'GET /me': () => undefined });
    const terminal = testTerminal({ env: { XDG_CONFIG_HOME: folder, STEWARD_URL: hub.url, STEWARD_TOKEN: 't' } });
    const ended = runSteward(['whoami'], terminal);
    await vi.waitUntil(() => hub?.requests.length === 1);
    terminal.interrupt();
    expect(await ended).toBe(130);
    expect(terminal.stderr()).toBe('');
  });
});

describe('output', () => {
  const routes: Record<string, TestRoute> = {
    'GET /customers': ({ query }) =>
      query.get('cursor') === 'two' ? { items: [customer('gamma')] } : { items: [customer('beta')], next: 'two' },
  };

  it('is a table of all pages', async () => {
    const { code, terminal } = await steward('customer list', routes);
    expect(code).toBe(0);
    const lines = terminal.stdout().trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^CUSTOMER +NAME +CREATED$/);
    expect(lines[2]).toMatch(/^gamma +gamma Corp +20\d\d-\d\d-\d\d \d\d:\d\d:\d\d$/);
  });

  it('is JSON or YAML as the API answered it', async () => {
    const json = await steward('customer list --output json', routes);
    expect(JSON.parse(json.terminal.stdout())).toEqual([customer('beta'), customer('gamma')]);
    const yaml = await steward('customer list -o yaml', routes);
    expect(parse(yaml.terminal.stdout())).toEqual([customer('beta'), customer('gamma')]);
  });

  it('is an empty list for programs, and advice for people, when there is nothing', async () => {
    const nothing = { 'GET /customers': () => ({ items: [] }) };
    const json = await steward('customer list -o json', nothing);
    expect(json.terminal.stdout()).toBe('[]\n');
    const table = await steward('customer list', nothing);
    expect(table.terminal.stdout()).toBe('');
    expect(table.terminal.stderr()).toContain('steward customer create');
  });

  it('tells errors as JSON when JSON was asked for', async () => {
    const { terminal } = await steward('customer list -o json', {
      'GET /customers': () => {
        throw new TestProblem('not-allowed', 'you are a viewer');
      },
    });
    expect(JSON.parse(terminal.stderr())).toMatchObject({
      error: { exitCode: 4, message: 'not-allowed: you are a viewer', problem: { status: 403 } },
    });
  });

  it.each([
    'customer list --wach -o json',
    'customer list -ojson --wach',
    'cluster --output=json',
    'status -wo json --nosuch x',
  ])('tells a wrong command line as JSON too: %s', async (line) => {
    const { code, terminal } = await steward(line);
    expect(code).toBe(2);
    expect(JSON.parse(terminal.stderr())).toMatchObject({
      error: { exitCode: 2, action: expect.stringContaining('--help') },
    });
  });

  it('never lets a hub steer the terminal', async () => {
    const evil = { ...customer('beta'), name: 'a\u001b]0;owned\u0007\u202e\nb' };
    const { terminal } = await steward('customer list', { 'GET /customers': () => ({ items: [evil] }) });
    expect(terminal.stdout()).toContain('a]0;owned b');
    expect(terminal.stdout()).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
  });

  it('has colours on a terminal only, and none with NO_COLOR', async () => {
    const options = { isTty: true };
    expect((await steward('customer list', routes, options)).terminal.stdout()).toContain('\u001b[');
    const plain = await steward('customer list', routes, { isTty: true, env: { NO_COLOR: '1' } });
    expect(plain.terminal.stdout()).not.toContain('\u001b[');
  });
});

describe('asking a hub', () => {
  it('sends the token, and asks a busy hub again', async () => {
    let calls = 0;
    const { code } = await steward('whoami', {
      'GET /me': () => {
        calls += 1;
        if (calls < 3) throw new TestProblem('shutting-down', 'soon', { 'retry-after': '0' });
        return { organization, role: 'owner', user };
      },
    });
    expect(code).toBe(0);
    expect(hub?.requests.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill('Bearer secret-token'));
  });

  it('does not send a change twice, unless the hub can tell that it is the same', async () => {
    await steward('customer create beta', {
      'POST /customers': () => {
        throw new TestProblem('shutting-down', 'soon', { 'retry-after': '0' });
      },
    });
    expect(hub?.requests).toHaveLength(1);
  });

  const token = { id, name: 'ci', role: 'owner', createdAt: at };
  /** Takes the first one away, as a hub does that dies before it has answered; the others are told that there is nothing. */
  const goneAfter = (first: (response: ServerResponse) => void): TestRoute => {
    let isGone = false;
    return (_request, response) => {
      if (isGone) throw new TestProblem('not-found', 'there is no such token');
      isGone = true;
      first(response);
    };
  };

  it.each<[string, (response: ServerResponse) => void]>([
    ['the connection broke', (response) => response.destroy()],
    [
      'the hub lost its database',
      () => {
        throw new TestProblem('database-unavailable', 'soon', { 'retry-after': '0' });
      },
    ],
  ])('knows its own deletion again, of which it was not told since %s', async (_why, first) => {
    const { code, terminal } = await steward('token delete ci', {
      'GET /tokens': () => ({ items: [token] }),
      'GET /me': () => ({ organization, role: 'owner', user }),
      [`DELETE /tokens/${id}`]: goneAfter(first),
    });
    expect(terminal.stderr()).toBe('');
    expect(code).toBe(0);
    expect(terminal.stdout()).toContain('Token ci is of no use any more.');
    expect(hub?.requests.filter(({ method }) => method === 'DELETE')).toHaveLength(2);
  });

  it.each([
    ['it was that one', 'ci', [token], 0],
    ['it was another one', 'cd', [token], 4],
    ['it may have been another one of that name', 'ci', [token, { ...token, id: id.replace(/1$/, '2') }], 4],
  ])(
    'is not let in by its token any more after a deletion of which it was not told: %s',
    async (_what, tokenName, items, expected) => {
      let isGone = false;
      const { code } = await steward(`token delete ${id}`, {
        'GET /tokens': () => ({ items }),
        'GET /me': () => ({ organization, role: 'owner', tokenName }),
        [`DELETE /tokens/${id}`]: (_request, response) => {
          if (isGone) throw new TestProblem('not-authenticated', 'the token is not known');
          isGone = true;
          response.destroy();
        },
      });
      expect(code).toBe(expected);
    },
  );

  it.each([
    ['at once', []],
    ['after it was told to wait', [new TestProblem('too-many-requests', 'soon', { 'retry-after': '0' })]],
  ])('is told that somebody else has deleted it, %s', async (_when, before) => {
    const { code } = await steward('token delete ci', {
      'GET /tokens': () => ({ items: [token] }),
      'GET /me': () => ({ organization, role: 'owner', user }),
      [`DELETE /tokens/${id}`]: () => {
        throw before.shift() ?? new TestProblem('not-found', 'there is no such token');
      },
    });
    expect(code).toBe(3);
  });

  it('sends a new password once: the old one may be wrong by then', async () => {
    const line = 'user password --password-stdin';
    const { code, terminal } = await steward(
      line,
      { 'PUT /me/password': (_request, response) => void response.destroy() },
      { input: 'old\nnew' },
    );
    expect(code).toBe(5);
    expect(terminal.stderr()).toContain('cannot be reached');
    expect(hub?.requests).toHaveLength(1);
  });
});

describe('login', () => {
  const routes: Record<string, TestRoute> = {
    'POST /sessions': ({ body }) => {
      const { password } = JSON.parse(body.toString()) as { password: string };
      if (password !== 'right') throw new TestProblem('not-authenticated', 'wrong e-mail or password');
      return { token: 'session-token', expiresAt: at, user };
    },
    'GET /me': () => ({ organization, role: 'owner', user }),
    'DELETE /sessions/current': (_request, response) => void response.writeHead(204).end(),
  };
  const noToken = { STEWARD_TOKEN: undefined };

  it('keeps the token for its owner only, and uses it from then on', async () => {
    hub = await startTestHub(routes);
    const env = { ...noToken, STEWARD_URL: undefined };
    const { code, terminal } = await steward(`login ${hub.url} --email sam@acme.example --password-stdin`, routes, {
      env,
      input: 'right\n',
    });
    expect(terminal.stderr()).not.toContain('error');
    expect(code).toBe(0);
    const path = join(folder, 'steward', 'config.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readFile(path, 'utf8')).toContain('session-token');
    expect((await steward('whoami', routes, { env })).terminal.stdout()).toContain('sam@acme.example');
    expect(hub.requests.at(-1)?.headers.authorization).toBe('Bearer session-token');
    expect((await steward('logout', routes, { env })).code).toBe(0);
    expect(hub.requests.at(-1)).toMatchObject({ method: 'DELETE', path: '/sessions/current' });
    expect(await readFile(path, 'utf8')).not.toContain('session-token');
  });

  it('ends its own session with its own hub, whatever the environment names', async () => {
    hub = await startTestHub(routes);
    await steward(`login ${hub.url} --email sam@acme.example --password-stdin`, routes, {
      env: noToken,
      input: 'right',
    });
    const other = await startTestHub({});
    const { code } = await steward('logout', routes, { env: { STEWARD_URL: other.url, STEWARD_TOKEN: 'other-token' } });
    await other.stop();
    expect(code).toBe(0);
    expect(other.requests).toEqual([]);
    expect(hub.requests.at(-1)).toMatchObject({
      method: 'DELETE',
      path: '/sessions/current',
      headers: { authorization: 'Bearer session-token' },
    });
  });

  it('saves nothing with a wrong password', async () => {
    const { code, terminal } = await steward('login --email sam@acme.example --password-stdin', routes, {
      env: noToken,
      input: 'wrong',
    });
    expect(code).toBe(4);
    expect(terminal.stderr()).toContain('wrong e-mail or password');
    await expect(stat(join(folder, 'steward', 'config.json'))).rejects.toThrow('ENOENT');
  });

  it('does not send the saved token to another hub', async () => {
    hub = await startTestHub(routes);
    await steward(`login ${hub.url} --email sam@acme.example --password-stdin`, routes, {
      env: noToken,
      input: 'right',
    });
    const other = await startTestHub({
      'GET /me': ({ headers }) => {
        if (!headers.authorization) throw new TestProblem('not-authenticated', 'who are you?');
        return { organization, role: 'owner' };
      },
    });
    const { code } = await steward('whoami', {}, { env: { ...noToken, STEWARD_URL: other.url } });
    await other.stop();
    expect(code).toBe(4);
  });

  it('refuses to send a token unprotected over a network', async () => {
    const { code, terminal } = await steward('login http://hub.example.com --token x');
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain('unprotected');
  });

  it('says that the login cannot be kept, and what else would do', async () => {
    await writeFile(join(folder, 'file'), '');
    const env = { ...noToken, XDG_CONFIG_HOME: join(folder, 'file') };
    const line = 'login --email sam@acme.example --password-stdin';
    const { code, terminal } = await steward(line, routes, { env, input: 'right' });
    expect(code).toBe(2);
    expect(terminal.stderr()).toMatch(/cannot write .*config\.json: .*\n.*XDG_CONFIG_HOME/);
    // A home that is none holds no login either.
    expect((await steward('whoami', routes, { env: { XDG_CONFIG_HOME: '/dev/null' } })).code).toBe(0);
  });

  it('says what is wrong with a broken configuration file', async () => {
    await steward('login --email sam@acme.example --password-stdin', routes, { env: noToken, input: 'right' });
    const path = join(folder, 'steward', 'config.json');
    await writeFile(path, '{ "current": 7 }');
    const { code, terminal } = await steward('whoami', routes);
    expect(code).toBe(2);
    expect(terminal.stderr()).toContain(path);
  });
});
