import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../exit-codes.ts';
import { testTerminal } from '../testing/test-terminal.ts';
import { buildProgram, runSteward } from './program.ts';

interface Leaf {
  words: string[];
  command: Command;
}

function leavesOf(command: Command, words: string[] = []): Leaf[] {
  if (command.commands.length === 0) return [{ words, command }];
  return command.commands.flatMap((inner) => leavesOf(inner, [...words, inner.name()]));
}

const COMMANDS = leavesOf(buildProgram({ terminal: testTerminal(), ended: () => undefined }, () => undefined));
const CODES = Object.values<number>(EXIT);

/** A command line with this in the place of each argument, and with the options that it must have. */
function lineOf({ words, command }: Leaf, word: string): string[] {
  const must = command.options.filter((option) => option.mandatory && option.defaultValue === undefined);
  const options = must.flatMap((option) => [option.long ?? '', option.argChoices?.[0] ?? 'x']);
  // What would go on for ever with a hub that is none.
  const ends =
    command.options.some(({ long }) => long === '--timeout') && words.includes('watch') ? ['--timeout', '1s'] : [];
  return [...words, ...options, ...ends, ...command.registeredArguments.map(() => word)];
}

let folder: string;
const servers: Server[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'steward-cli-'));
});
afterAll(async () => {
  for (const server of servers) server.closeAllConnections();
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  await rm(folder, { recursive: true });
});

async function serve(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  servers.push(server);
  await once(server, 'listening');
  const address = server.address();
  return typeof address === 'object' && address ? `http://127.0.0.1:${address.port}` : '';
}

interface Ended {
  line: string;
  code: number;
  stdout: string;
  stderr: string;
}

async function runEach(wordOf: (leaf: Leaf) => string[], env: Record<string, string> = {}): Promise<Ended[]> {
  const ended: Ended[] = [];
  await Promise.all(
    COMMANDS.map(async (leaf) => {
      const words = [...wordOf(leaf), '--output', 'json'];
      const home = await mkdtemp(join(folder, 'home-'));
      const programs = { STEWARD_HELM: join(folder, 'no-helm'), STEWARD_KUBECTL: join(folder, 'no-kubectl') };
      const terminal = testTerminal({ cwd: home, env: { XDG_CONFIG_HOME: home, ...programs, ...env } });
      const code = await runSteward(words, terminal);
      ended.push({ line: words.join(' ').slice(0, 100), code, stdout: terminal.stdout(), stderr: terminal.stderr() });
    }),
  );
  return ended;
}

/** What is not as docs/cli.md promises: a code of the table, results on one stream, and an error as JSON as the last line on the other. */
function faultsOf(all: readonly Ended[]): string[] {
  return all.flatMap(({ line, code, stdout, stderr }) => {
    if (code === EXIT.ok) return [];
    if (!CODES.includes(code)) return [`${line}: ends with ${code}`];
    if (stderr.includes('unexpected: ')) return [`${line}: ${stderr.slice(0, 400)}`];
    const last = stderr.trimEnd().split('\n').at(-1) ?? '';
    if (code === EXIT.failed && stdout !== '') return [];
    return /^\{"error":\{"exitCode":(\d+),"message":"./.exec(last)?.[1] === String(code)
      ? []
      : [`${line}: ${code} without an error as JSON: ${stderr.slice(-300)}`];
  });
}

describe('every command', () => {
  it('without what it needs says so, also as JSON', async () => {
    expect(faultsOf(await runEach(({ words }) => words))).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['a space', ' '],
    ['NUL', '\0'],
    ['a path', '../../nowhere'],
    ['much', 'x'.repeat(20_000)],
    ['bytes that are no text', '\ufffd'],
    ['what is escaped', '%2F%00'],
    ['a picture', '💩'],
    ['a dash', '-'],
  ])('with %s for each argument, and no hub', async (_what, word) => {
    const ended = await runEach((leaf) => lineOf(leaf, word), {
      STEWARD_URL: 'http://127.0.0.1:1',
      STEWARD_TOKEN: 't',
    });
    expect(faultsOf(ended)).toEqual([]);
  });

  it.each<[string, readonly number[], RequestListener]>([
    [
      'a page',
      [EXIT.internal],
      (_request, response) => response.setHeader('content-type', 'text/html').end('<html>Sign in</html>'),
    ],
    [
      'a page of a gateway',
      [EXIT.unreachable],
      (_request, response) => response.writeHead(502).end('<html>Bad gateway</html>'),
    ],
    ['nothing', [EXIT.internal], (_request, response) => response.end()],
    ['null', [EXIT.internal], (_request, response) => response.end('null')],
    ['half a JSON', [EXIT.internal], (_request, response) => response.end('{"items": [{"id":')],
    [
      'half of what it announced',
      [EXIT.unreachable],
      (_request, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"items": [', () => response.destroy());
      },
    ],
    [
      'a problem that is none',
      [EXIT.internal],
      (_request, response) => response.writeHead(500, { 'content-type': 'application/problem+json' }).end('{"type":7}'),
    ],
    [
      'another place',
      [EXIT.usage],
      (_request, response) => response.writeHead(302, { location: 'https://elsewhere.example' }).end(),
    ],
    [
      'pages without end',
      [EXIT.internal, EXIT.notFound],
      (_request, response) => response.end('{"items":[],"next":"again"}'),
    ],
    ['the end of the connection', [EXIT.unreachable], (request) => request.socket.destroy()],
  ])('whose hub answers with %s', async (_what, codes, answer) => {
    const url = await serve(answer);
    const ended = await runEach((leaf) => lineOf(leaf, 'x'), { STEWARD_URL: url, STEWARD_TOKEN: 't' });
    expect(faultsOf(ended)).toEqual([]);
    // Those that are done, or wrong, before a hub is asked.
    const others = new Set<number>([EXIT.ok, EXIT.usage, EXIT.timeout, ...codes]);
    expect(ended.filter(({ code }) => !others.has(code)).map(({ line, code }) => `${code} ${line}`)).toEqual([]);
  });
});
