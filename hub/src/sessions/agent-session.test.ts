import { LIMITS, type AgentFrame, type AgentFrameOf, type HubFrameOf } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { AgentSession, type SessionRouter } from './agent-session.ts';
import type { Inbound } from './inbound.ts';
import { LinkedSocket } from './linked-socket.ts';
import { ManualClock } from './manual-clock.ts';

const id = '00000000-0000-4000-8000-000000000001';
const at = '2026-11-21T00:00:00Z';
const hello: AgentFrame = {
  t: 'hello',
  b: {
    agentVersion: '0.1.0',
    features: [],
    kubernetesVersion: 'v1.34.0',
    clusterUid: 'uid',
    incarnation: id,
    clock: at,
    installations: [],
    unfinishedOperations: [],
  },
};
const heartbeat = (revision: number): AgentFrame => ({ t: 'heartbeat', b: { revision, hash: 'x', clock: at } });
const event = (q: number): AgentFrameOf<'event'> => ({
  t: 'event',
  s: 'events.a',
  q,
  b: { kind: 'health.changed', message: '', at },
});
const desired = (generation: number): HubFrameOf<'desired'> => ({
  t: 'desired',
  b: {
    installationId: id,
    name: 'nats',
    namespace: 'nats',
    service: 'nats',
    generation,
    action: 'run',
    deleteVolumes: false,
    release: { digest: `sha256:${'0'.repeat(64)}`, version: '1.0.0' },
    parameters: {},
    operation: { id, kind: 'install', requestedBy: 'someone', notAfter: at },
  },
});

/** Both ends, with a router that keeps what it was given and can be held up. */
function pair() {
  const clock = new ManualClock();
  const socket = new LinkedSocket();
  const routed: Inbound[] = [];
  const ended: number[] = [];
  const gate: { wait?: Promise<void>; failure?: Error; concurrent: number; mostConcurrent: number } = {
    concurrent: 0,
    mostConcurrent: 0,
  };
  const router: SessionRouter = {
    greet: () =>
      Promise.resolve({
        epoch: 7,
        serverTime: at,
        features: [],
        cursors: {},
        heartbeatIntervalMs: LIMITS.heartbeatIntervalMs,
        clusterId: id,
        organization: 'acme',
      }),
    welcomed: () => Promise.resolve(),
    route: async (session, inbound) => {
      gate.concurrent += 1;
      gate.mostConcurrent = Math.max(gate.mostConcurrent, gate.concurrent);
      await gate.wait;
      gate.concurrent -= 1;
      if (gate.failure) throw gate.failure;
      routed.push(inbound);
      if (inbound.kind === 'records') session.ack(inbound.stream, inbound.records.at(-1)?.sequence ?? 0);
    },
    closeReasonOf: (error) => (error instanceof RangeError ? 'replaced' : 'internal'),
    received: () => undefined,
    sent: () => undefined,
    closed: (_session, code) => void ended.push(code),
  };
  const session = new AgentSession(
    { clusterId: id, organizationId: id, customerId: id, organization: 'acme', epoch: 7 },
    socket,
    router,
    clock,
  );
  socket.attach(session);
  return { clock, socket, session, routed, ended, gate };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

async function openPair() {
  const both = pair();
  both.socket.say(hello);
  await settle();
  return both;
}

describe('greeting', () => {
  it('answers hello with a welcome that carries the epoch', async () => {
    const { socket } = await openPair();
    expect(socket.received).toMatchObject([{ t: 'welcome', b: { epoch: 7 } }]);
  });

  it('holds intents back until the welcome has been sent', async () => {
    const { socket, session } = pair();
    session.intent('a', desired(1));
    expect(socket.received).toEqual([]);
    socket.say(hello);
    await settle();
    expect(socket.received.map(({ t }) => t)).toEqual(['welcome', 'desired']);
  });

  it.each([
    ['another frame', heartbeat(1)],
    ['a record', event(1)],
  ])('closes with 4426 when %s comes first', async (_name, frame) => {
    const { socket } = pair();
    socket.say(frame);
    await settle();
    expect(socket.closedWith?.code).toBe(4426);
  });

  it('closes with 4426 when no hello comes', () => {
    const { clock, socket } = pair();
    clock.advance(10_000);
    expect(socket.closedWith).toEqual({ code: 4426, reason: 'no hello within 10 s' });
  });

  it('closes with 4400 on a second hello', async () => {
    const { socket } = await openPair();
    socket.say(hello);
    await settle();
    expect(socket.closedWith).toEqual({ code: 4400, reason: 'a second hello' });
  });
});

describe('bad input', () => {
  it.each([
    ['garbage', '\u0000\u0001 not a frame'],
    ['a body that is not of its schema', '{"t":"heartbeat","b":{}}'],
    ['JSON nested too deep', `{"t":"heartbeat","b":${'['.repeat(50)}${']'.repeat(50)}}`],
    ['a binary frame', Buffer.from('zstd?')],
  ])('closes with 4400 on %s', async (_name, data) => {
    const { socket } = await openPair();
    socket.say(data);
    await settle();
    expect(socket.closedWith?.code).toBe(4400);
  });

  it('answers a report that cannot be read with an error frame and goes on', async () => {
    const { socket, routed } = await openPair();
    socket.say('{"t":"health","b":{"revision":1,"full":true,"set":{"x":1},"delete":[]}}');
    socket.say(heartbeat(1));
    await settle();
    expect(socket.closedWith).toBeUndefined();
    expect(socket.received.at(-1)).toMatchObject({ t: 'error', b: { code: 'bad-report' } });
    expect(routed).toHaveLength(2);
  });

  it('closes with 1009 on a frame above the limit', async () => {
    const { socket } = await openPair();
    socket.say('x'.repeat(LIMITS.maxFrameBytes + 1));
    expect(socket.closedWith?.code).toBe(1009);
  });

  it('answers an unknown type with an error frame and goes on', async () => {
    const { socket, routed } = await openPair();
    socket.say('{"t":"later.thing","b":{}}');
    socket.say(heartbeat(1));
    await settle();
    expect(socket.received.at(-1)).toMatchObject({ t: 'error', b: { code: 'unknown-type' } });
    expect(routed).toMatchObject([{ kind: 'frame', frame: { t: 'heartbeat' } }]);
    expect(socket.closedWith).toBeUndefined();
  });

  it('hands a record with a wrong body on in its place and does not close', async () => {
    const { socket, routed } = await openPair();
    socket.say(event(1));
    socket.say('{"t":"event","s":"events.a","q":2,"b":{"kind":"nonsense"}}');
    socket.say(event(3));
    await settle();
    const sequences = routed.flatMap((inbound) => (inbound.kind === 'records' ? inbound.records : []));
    expect(sequences.map(({ sequence, content }) => [sequence, 'kind' in content])).toEqual([
      [1, false],
      [2, true],
      [3, false],
    ]);
    expect(socket.closedWith).toBeUndefined();
  });

  it('reads nothing after a close', async () => {
    const { socket, routed } = await openPair();
    socket.say('garbage');
    socket.say(heartbeat(1));
    await settle();
    expect(routed).toEqual([]);
  });
});

describe('order and flow', () => {
  it('handles one frame at a time, in order', async () => {
    const { socket, routed, gate } = await openPair();
    for (let revision = 1; revision <= 10; revision += 1) socket.say(heartbeat(revision));
    await settle();
    await settle();
    expect(gate.mostConcurrent).toBe(1);
    const revisions = routed.map((inbound) =>
      inbound.kind === 'frame' && inbound.frame.t === 'heartbeat' ? inbound.frame.b.revision : 0,
    );
    expect(revisions).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('takes records of one stream that wait together', async () => {
    const { socket, routed, gate } = await openPair();
    const held = Promise.withResolvers<void>();
    gate.wait = held.promise;
    for (let q = 1; q <= 6; q += 1) socket.say(event(q));
    socket.say(heartbeat(1));
    held.resolve();
    await settle();
    const sizes = routed.map((inbound) => (inbound.kind === 'records' ? inbound.records.length : inbound.kind));
    expect(sizes).toEqual([1, 5, 'frame']);
    expect(socket.received.filter(({ t }) => t === 'ack')).toMatchObject([{ b: { upTo: 1 } }, { b: { upTo: 6 } }]);
  });

  it('pauses the socket at 32 waiting frames and resumes when they are handled', async () => {
    const { socket, gate, routed } = await openPair();
    const held = Promise.withResolvers<void>();
    gate.wait = held.promise;
    for (let revision = 1; revision <= 100; revision += 1) socket.say(heartbeat(revision));
    expect(socket.isPaused).toBe(true);
    held.resolve();
    for (let turn = 0; turn < 60; turn += 1) await settle();
    expect(socket.isPaused).toBe(false);
    expect(routed).toHaveLength(100);
  });

  it('pauses the socket when few frames hold a megabyte', async () => {
    const { socket, gate } = await openPair();
    gate.wait = new Promise(() => undefined);
    socket.say(heartbeat(1));
    const large = JSON.stringify({ ...heartbeat(2), pad: 'x'.repeat(600_000) });
    socket.say(large);
    expect(socket.isPaused).toBe(false);
    socket.say(large);
    expect(socket.isPaused).toBe(true);
  });

  it('ends with the named code when handling fails, and acks nothing', async () => {
    const { socket, gate } = await openPair();
    gate.failure = new RangeError('fenced');
    socket.say(event(1));
    await settle();
    expect(socket.closedWith?.code).toBe(4409);
    expect(socket.received.some(({ t }) => t === 'ack')).toBe(false);
  });
});

describe('a slow reader', () => {
  it('gets acks before intents that wait', async () => {
    const { socket, session } = await openPair();
    socket.isStuck = true;
    const error = { t: 'error', b: { code: 'x', message: 'y'.repeat(1_000) } } as const;
    for (let n = 0; n < 80; n += 1) session.control(error);
    session.intent('a', desired(1));
    session.ack('results.a', 3);
    socket.unstick();
    expect(socket.received.slice(-2).map(({ t }) => t)).toEqual(['ack', 'desired']);
  });

  it('is told only the latest intent of each installation', async () => {
    const { socket, session } = await openPair();
    socket.bufferedAmount = 100_000;
    session.intent('a', desired(1));
    session.intent('a', desired(2));
    session.intent('b', desired(1));
    session.ack('results.a', 3);
    socket.bufferedAmount = 0;
    session.intent('c', desired(5));
    expect(socket.received.slice(1).map((frame) => (frame.t === 'desired' ? frame.b.generation : frame.t))).toEqual([
      'ack',
      2,
      1,
      5,
    ]);
  });

  it('is closed with 4408 when too much waits for it', async () => {
    const { socket, session } = await openPair();
    socket.bufferedAmount = 5 * 1024 * 1024;
    session.ack('results.a', 1);
    expect(socket.closedWith).toEqual({ code: 4408, reason: 'the reader was too slow' });
  });

  it('is closed with 4408 when a thousand intents wait', async () => {
    const { socket, session } = await openPair();
    socket.bufferedAmount = 100_000;
    for (let n = 0; n <= 1_000; n += 1) session.intent(`${n}`, desired(1));
    expect(socket.closedWith?.code).toBe(4408);
  });
});

describe('silence', () => {
  it('pings every 25 s and closes with 4408 after 60 s without an answer', async () => {
    const { clock, socket, ended } = await openPair();
    clock.advance(25_000);
    expect(socket.pings).toBe(1);
    clock.advance(34_999);
    expect(socket.closedWith).toBeUndefined();
    clock.advance(1);
    expect(socket.closedWith?.code).toBe(4408);
    expect(socket.pings).toBe(2);
    expect(ended).toEqual([4408]);
    expect(clock.pending).toBe(0);
  });

  it('lives on while pongs come', async () => {
    const { clock, socket } = await openPair();
    for (let minute = 0; minute < 10; minute += 1) {
      clock.advance(59_000);
      socket.pong();
    }
    expect(socket.closedWith).toBeUndefined();
    expect(socket.pings).toBe(23);
  });

  it('does not take its own pause for silence', async () => {
    const { clock, socket, gate } = await openPair();
    gate.wait = new Promise(() => undefined);
    for (let revision = 1; revision <= 40; revision += 1) socket.say(heartbeat(revision));
    clock.advance(100_000);
    expect(socket.closedWith).toBeUndefined();
  });
});

describe('the end', () => {
  it('says goaway with a range before it closes', async () => {
    const { socket, session } = await openPair();
    session.goaway('restarting', 0, 2_000);
    expect(socket.received.at(-1)).toMatchObject({ t: 'goaway', b: { minDelayMs: 0, maxDelayMs: 2_000 } });
    expect(socket.closedWith?.code).toBe(1001);
  });

  it('is told once, and leaves no timer', async () => {
    const { clock, socket, session, ended } = await openPair();
    socket.hangUp(1006);
    socket.hangUp(1006);
    session.close('normal');
    expect(ended).toEqual([1006]);
    expect(clock.pending).toBe(0);
  });
});
