import { afterEach, describe, expect, it, vi } from 'vitest';
import { runSteward } from '../program/program.ts';
import { feedRoute } from '../testing/feed-route.ts';
import { cluster, ids, installation, operation } from '../testing/fleet.ts';
import { startTestHub, type TestHub } from '../testing/test-hub.ts';
import { testTerminal } from '../testing/test-terminal.ts';
import { Board } from './board.ts';
import { boardLines } from './board-lines.ts';

const plain = { paint: (text: string) => text };
const reason = { code: 'CrashLoopBackOff', object: 'Pod/nats-0', message: 'ends with 1 again and again' };

describe('the board', () => {
  it('shows version, health, the operation with its phase, and the most telling sentence', () => {
    const board = new Board();
    board.load([cluster()], [installation({ version: '2.15.2' })], [operation()]);
    const [heading, row] = boardLines(board, plain);
    expect(heading).toMatch(/^CUSTOMER +CLUSTER +INSTALLATION +VERSION +HEALTH +OPERATION +MESSAGE$/);
    expect(row).toMatch(/^beta +prod +nats +2\.14\.9 → 2\.15\.2 +healthy +upgrade: apply +applying$/);
  });

  it('names the reason of bad health, and a cluster that is away with what to do', () => {
    const board = new Board();
    const away = cluster({ connection: 'offline', connectionMessage: 'not heard since 11:50; look at its agent' });
    board.load([away], [installation({ health: 'unhealthy', reasons: [reason, reason], isStale: true })], []);
    const lines = boardLines(board, plain).join('\n');
    expect(lines).toContain('unhealthy?');
    expect(lines).toContain('Pod/nats-0: ends with 1 again and again (and 1 more)');
    expect(lines).toContain('cluster beta/prod is offline: not heard since 11:50; look at its agent');
  });

  it('says how it runs other than released, when nothing else is to be told', () => {
    const board = new Board();
    const autoscale = { 'Deployment/web': { minimum: 2, maximum: 5, cpuPercent: 70 } };
    const runState = { stopped: false, replicas: { 'StatefulSet/db': 3 }, autoscale };
    board.load([cluster()], [installation({ runState })], []);
    expect(boardLines(board, plain)[1]).toContain(
      'StatefulSet/db at 3 pods, Deployment/web autoscaled, 2 to 5 pods at 70 % CPU',
    );
  });

  it('tells a stop by schedule from one by hand, with its end', () => {
    const board = new Board();
    const web = { code: 'Stopped', object: 'Deployment/web', message: 'it is stopped on purpose' };
    const night = { code: 'StoppedBySchedule', object: 'Installation/nats', message: 'until 2026-11-30T05:00:00Z' };
    board.load([cluster()], [installation({ reasons: [web, night] })], []);
    expect(boardLines(board, plain)[1]).toMatch(
      /stopped \(schedule\) .*Installation\/nats: until 2026-11-30T05:00:00Z/,
    );
  });

  it('says that an upgrade was rolled back, and why, when all is well again', () => {
    const board = new Board();
    board.load([cluster()], [installation({ version: '2.16.0', state: 'rolled-back', message: 'no such image' })], []);
    expect(boardLines(board, plain)[1]).toMatch(/2\.14\.9 +healthy +- +rolled-back: no such image$/);
  });

  it('says that it is not certain what runs when going back failed too', () => {
    const board = new Board();
    const { runningVersion: _none, ...broken } = installation({ version: '2.16.0', state: 'failed' });
    board.load([cluster()], [{ ...broken, message: 'Going back to generation 1 (2.14.9) failed' }], []);
    expect(boardLines(board, plain)[1]).toMatch(/nats +not certain +healthy +- +failed: Going back to generation 1/);
  });

  it('tells each change once, in a sentence', () => {
    const board = new Board();
    board.load([cluster()], [installation()], []);
    const change = (rest: Parameters<typeof installation>[0]) =>
      board.apply({ id: '1', type: 'installation.changed', data: installation(rest) })?.text;
    expect(change({ health: 'degraded', reasons: [reason] })).toBe(
      'health healthy → degraded; Pod/nats-0: ends with 1 again and again',
    );
    expect(change({ health: 'degraded', reasons: [reason] })).toBeUndefined();
    expect(change({ state: 'removed' })).toBe('removed');
    expect(board.rows()).toEqual([]);
  });

  it('shows an operation until it has ended', () => {
    const board = new Board();
    board.load([cluster()], [installation()], []);
    board.apply({ id: '1', type: 'operation.changed', data: { operation: operation() } });
    expect(board.rows()[0]?.operation?.id).toBe(ids.operation);
    const ended = operation({ state: 'rolled-back', phase: 'done', message: 'bad image' });
    expect(board.apply({ id: '2', type: 'operation.changed', data: { operation: ended } })?.text).toBe(
      'upgrade of nats to 2.15.2: rolled-back: bad image',
    );
    expect(board.rows()[0]?.operation).toBeUndefined();
  });

  it('shows no operation as going on of which nobody knows what became', () => {
    const board = new Board();
    const lost = operation({ state: 'unknown', message: 'the agent is gone' });
    board.load([cluster()], [installation()], [lost]);
    expect(board.rows()[0]?.operation).toBeUndefined();
    board.apply({ id: '1', type: 'operation.changed', data: { operation: operation() } });
    expect(board.apply({ id: '2', type: 'operation.changed', data: { operation: lost } })?.text).toBe(
      'upgrade of nats to 2.15.2: unknown: the agent is gone',
    );
    expect(board.rows()[0]?.operation).toBeUndefined();
  });

  it('goes on with a new operation when the end of the one before is told late', () => {
    const board = new Board();
    const next = operation({ id: ids.cluster, generation: 3 });
    board.load([cluster()], [installation()], [next]);
    board.apply({ id: '1', type: 'operation.changed', data: { operation: operation({ state: 'failed' }) } });
    expect(board.rows()[0]?.operation?.id).toBe(next.id);
  });

  it('leaves out what the filter leaves out', () => {
    const board = new Board({ cluster: 'test' });
    board.load([cluster()], [installation()], []);
    expect(board.rows()).toEqual([]);
    expect(board.apply({ id: '1', type: 'installation.changed', data: installation() })).toBeUndefined();
  });
});

describe('status --watch', () => {
  let hub: TestHub | undefined;
  afterEach(() => hub?.stop());

  async function watch(isTty: boolean, line = 'status --watch') {
    const feed = feedRoute();
    hub = await startTestHub({
      'GET /feed': feed.route,
      'GET /clusters': () => ({ items: [cluster()] }),
      'GET /installations': () => ({ items: [installation()] }),
      'GET /operations': () => ({ items: [] }),
    });
    const env = { STEWARD_URL: hub.url, STEWARD_TOKEN: 't', XDG_CONFIG_HOME: '/nonexistent', TERM: 'xterm' };
    const terminal = testTerminal({ isTty, env });
    const ended = runSteward(line.split(' '), terminal);
    await vi.waitUntil(() => terminal.stdout().includes('healthy'));
    feed.send('1', 'installation.changed', installation({ health: 'degraded' }));
    await vi.waitUntil(() => terminal.stdout().includes('degraded'));
    feed.cut();
    await vi.waitUntil(() => feed.connections.length === 2, { timeout: 5000 });
    terminal.interrupt();
    expect(await ended).toBe(130);
    return { terminal, feed };
  }

  it('writes a line per change where it cannot paint, and goes on after a lost connection', async () => {
    const { terminal, feed } = await watch(false);
    expect(terminal.stdout()).toMatch(/\n\d\d:\d\d:\d\d {2}beta\/prod\/nats {2}health healthy → degraded\n/);
    expect(terminal.stderr()).toContain('connection to the hub lost');
    expect(feed.connections).toEqual([undefined, '1']);
  });

  it('paints over what it showed on a terminal', async () => {
    const { terminal } = await watch(true);
    expect(terminal.stdout()).toContain('\u001b[3A');
    expect(terminal.stdout()).toContain('degraded');
    expect(terminal.stdout()).toContain('connection to the hub lost');
  });

  it('writes a JSON object per line when asked', async () => {
    const { terminal } = await watch(false, 'status --watch --output json');
    const lines = terminal
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { data: { health: string } });
    expect(lines.map(({ data }) => data.health)).toEqual(['healthy', 'degraded']);
  });
});
