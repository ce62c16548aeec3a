import { afterEach, describe, expect, it, vi } from 'vitest';
import { runSteward } from '../program/program.ts';
import { feedRoute, type FeedRoute } from '../testing/feed-route.ts';
import { details, ids, installation, operation, transition } from '../testing/fleet.ts';
import { startTestHub, type TestHub, type TestRoute } from '../testing/test-hub.ts';
import { testTerminal, type TestTerminal } from '../testing/test-terminal.ts';

let hub: TestHub | undefined;
afterEach(() => hub?.stop());

const show = `GET /operations/${ids.operation}`;
const done = {
  state: 'succeeded',
  phase: 'done',
  message: 'all well',
  finishedAt: '2026-11-21T12:00:30.000Z',
} as const;

async function start(
  routes: Record<string, TestRoute>,
): Promise<(line: string) => { ended: Promise<number>; terminal: TestTerminal }> {
  hub = await startTestHub(routes);
  const env = { STEWARD_URL: hub.url, STEWARD_TOKEN: 't', XDG_CONFIG_HOME: '/nonexistent' };
  return (line) => {
    const terminal = testTerminal({ env });
    return { terminal, ended: runSteward(line.split(' '), terminal) };
  };
}

/** The feed's first connection, then what to do when it is open. */
function onOpen(feed: FeedRoute, act: () => void): TestRoute {
  return (request, response) => {
    feed.route(request, response);
    setImmediate(act);
  };
}

describe('following an operation', () => {
  const lost = { state: 'unknown', finishedAt: '2026-11-21T12:00:30.000Z', reasonCode: 'lost-track' } as const;

  it('that ended as unknown ends with 1, whether it had before or does so now', async () => {
    const feed = feedRoute();
    let loads = 0;
    const steward = await start({
      // Under way when the first one begins to watch; what the feed then says makes it look again.
      [show]: () => details([], (loads += 1) > 2 ? lost : {}),
      'GET /feed': onOpen(feed, () => feed.send('1', 'operation.changed', { operation: operation(lost) })),
    });
    for (const _ of ['ends while it is watched', 'had ended before']) {
      const { ended, terminal } = steward(`operations watch ${ids.operation}`);
      expect(await ended).toBe(1);
      expect(terminal.stdout()).toContain('unknown');
    }
  });

  it('prints each transition once, from the details and from the feed, and ends with 0', async () => {
    const feed = feedRoute();
    const past = [transition(1, { phase: 'verify' }), transition(2, { phase: 'plan' })];
    const steward = await start({
      [show]: () => details(past),
      'GET /feed': onOpen(feed, () => {
        feed.send('1', 'operation.changed', { operation: operation(), transition: transition(2, { phase: 'plan' }) });
        feed.send('2', 'operation.changed', {
          operation: operation(),
          transition: transition(3, { progress: { done: 1, total: 7 } }),
        });
        feed.send('3', 'operation.changed', {
          operation: operation(done),
          transition: transition(4, { phase: 'done', state: 'succeeded' }),
        });
      }),
    });
    const { ended, terminal } = steward(`operations watch ${ids.operation}`);
    expect(await ended).toBe(0);
    const steps = terminal
      .stdout()
      .trimEnd()
      .split('\n')
      .slice(0, -1)
      .map((line) => line.slice(10));
    expect(steps).toEqual(['verify     step 1', 'plan       step 2', 'apply      step 3 (1/7)', 'done       step 4']);
    expect(terminal.stdout()).toContain('upgrade of nats to 2.15.2: succeeded after 30 s\n');
  });

  it('loads what was missed when a transition is skipped', async () => {
    const feed = feedRoute();
    let transitions = [transition(1)];
    const steward = await start({
      [show]: () => details(transitions, transitions.length > 1 ? done : {}),
      'GET /feed': onOpen(feed, () => {
        transitions = [transition(1), transition(2), transition(3)];
        feed.send('1', 'operation.changed', { operation: operation(done), transition: transition(3) });
      }),
    });
    const { ended, terminal } = steward(`operations watch op-${ids.operation} --output json`);
    expect(await ended).toBe(0);
    const lines = terminal
      .stdout()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { revision?: number });
    expect(lines.map(({ revision }) => revision)).toEqual([1, 2, 3, undefined]);
  });

  it('ends with 1, and says what to do, when the operation was rolled back', async () => {
    const rolledBack = {
      state: 'rolled-back',
      phase: 'done',
      reasonCode: 'image-pull-failed',
      message: 'no such image',
    } as const;
    const steward = await start({ [show]: () => details([], rolledBack) });
    const { ended, terminal } = steward(`operations watch ${ids.operation}`);
    expect(await ended).toBe(1);
    expect(terminal.stdout()).toContain('rolled-back: no such image [image-pull-failed]');
    expect(terminal.stderr()).toContain('Correct the image');
  });

  it('tells all of a message that has more lines: what is missing, what stays', async () => {
    const missing = transition(1, { phase: 'verify', message: 'rights are missing:\n  secrets: get' });
    const steward = await start({ [show]: () => details([missing], { state: 'failed', phase: 'done' }) });
    const { ended, terminal } = steward(`operations watch ${ids.operation}`);
    expect(await ended).toBe(1);
    expect(terminal.stdout()).toContain('verify     rights are missing:\n            secrets: get\n');
  });

  it('says how the customer approves', async () => {
    const feed = feedRoute();
    const steward = await start({
      [show]: () => details([transition(1)], { state: 'awaiting-approval', phase: 'approve' }),
      'GET /feed': feed.route,
    });
    const { ended, terminal } = steward(`operations watch ${ids.operation} --timeout 1s`);
    expect(await ended).toBe(7);
    expect(terminal.stderr()).toContain(`steward approve op-${ids.operation}`);
    expect(terminal.stderr()).toContain('it goes on');
  });

  it('ends with 130 at Ctrl-C, without a word', async () => {
    const feed = feedRoute();
    const steward = await start({ [show]: () => details([]), 'GET /feed': feed.route });
    const { ended, terminal } = steward(`operations watch ${ids.operation}`);
    await vi.waitUntil(() => feed.connections.length === 1);
    terminal.interrupt();
    expect(await ended).toBe(130);
    expect(terminal.stderr()).toBe('');
  });
});

describe('upgrade', () => {
  it('sends the parameters changed, the generation it saw, and a key against doing it twice', async () => {
    const steward = await start({
      'GET /installations': () => ({
        items: [installation({ generation: 4, parameters: { a: { b: 1 }, c: 'x', d: true } })],
      }),
      [`POST /installations/${ids.installation}/operations`]: () => operation({ state: 'queued' }),
    });
    const { ended, terminal } = steward('upgrade nats --version 2.15.2 --set a.b=2 --unset c --reason because');
    expect(await ended).toBe(0);
    const request = hub?.requests.at(-1);
    expect(JSON.parse(request?.body.toString() ?? '')).toEqual({
      kind: 'upgrade',
      version: '2.15.2',
      parameters: { a: { b: 2 }, d: true },
      expectedGeneration: 4,
      reason: 'because',
    });
    expect(request?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
    expect(terminal.stdout()).toContain(ids.operation);
  });

  it('leaves the parameters alone when none is named', async () => {
    const steward = await start({
      'GET /installations': () => ({ items: [installation({ parameters: { a: 1 } })] }),
      [`POST /installations/${ids.installation}/operations`]: () => operation(),
    });
    await steward('upgrade nats --channel stable').ended;
    expect(JSON.parse(hub?.requests.at(-1)?.body.toString() ?? '')).not.toHaveProperty('parameters');
  });

  it('asks which one is meant when two installations have the name', async () => {
    const steward = await start({
      'GET /installations': () => ({ items: [installation(), installation({ cluster: 'test' })] }),
    });
    const { ended, terminal } = steward('upgrade nats --version 2.15.2');
    expect(await ended).toBe(6);
    expect(terminal.stderr()).toContain('beta/prod/nats or beta/test/nats');
  });

  it('wants to be told what shall change', async () => {
    const steward = await start({ 'GET /installations': () => ({ items: [installation()] }) });
    expect(await steward('upgrade nats').ended).toBe(2);
    expect(hub?.requests).toHaveLength(1);
  });
});

it('does not remove anything without a yes', async () => {
  const steward = await start({ 'GET /installations': () => ({ items: [installation()] }) });
  const { ended, terminal } = steward('uninstall nats --delete-volumes');
  expect(await ended).toBe(2);
  expect(terminal.stderr()).toContain('--yes');
  expect(hub?.requests.every(({ method }) => method === 'GET')).toBe(true);
});

describe('cancel', () => {
  it.each([
    ['', { state: 'queued' }, 0, /^$/],
    ['', { state: 'running' }, 1, /^Too late.*\nStop it with --if-under-way roll-back/],
    [' --if-under-way hold', { state: 'running' }, 0, /^Its agent is asked to stop it, .*operations watch/],
    [
      '',
      { state: 'running', kind: 'uninstall', phase: 'pre-hooks' },
      1,
      /stop it with --if-under-way hold: nothing is/,
    ],
    [' --if-under-way hold', { state: 'running', kind: 'uninstall', phase: 'pre-hooks' }, 0, /^Its agent is asked/],
    [
      ' --if-under-way hold',
      { state: 'running', kind: 'uninstall' },
      1,
      /^Too late: the uninstall has begun, and goes on/,
    ],
    ['', { state: 'running', kind: 'leave' }, 1, /^Too late: the leave has begun, and goes on to its end\.\n$/],
  ] as const)('%s of one that is %o ends with %i', async (flags, so, code, said) => {
    const steward = await start({ [`POST /operations/${ids.operation}/cancel`]: () => operation(so) });
    const { ended, terminal } = steward(`operations cancel ${ids.operation}${flags}`);
    expect(await ended).toBe(code);
    expect(terminal.stderr()).toMatch(said);
  });
});
