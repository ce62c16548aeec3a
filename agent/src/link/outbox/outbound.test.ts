import { describe, expect, it } from 'vitest';
import { decodeAgentFrame, METRICS_FEATURE, type AgentFrame, type HubFrameOf } from '@steward/shared';
import { INSTALLATION_ID, resultOf, TestPeer } from '../../testing/test-link.ts';
import { inFrames, mergeReports, Outbound, type Wire } from './outbound.ts';
import { Outbox } from './outbox.ts';

const at = '2026-11-21T00:00:00Z';
const event = (message: string) => ({ kind: 'health.changed' as const, message, at });
const report = (set: Record<string, number>, deleted: string[] = [], full = false) => ({
  revision: 1,
  full,
  set,
  delete: deleted,
});

describe('merged reports', () => {
  it.each([
    ['the later value', report({ a: 1 }), report({ a: 2, b: 2 }), report({ a: 2, b: 2 })],
    ['a deletion over an earlier value', report({ a: 1, b: 1 }), report({}, ['a']), report({ b: 1 }, ['a'])],
    ['a value over an earlier deletion', report({}, ['a']), report({ a: 2 }), report({ a: 2 })],
    [
      'a full one over everything before',
      report({ a: 1 }, ['b']),
      report({ c: 3 }, [], true),
      report({ c: 3 }, [], true),
    ],
    [
      'changes into a full one',
      report({ a: 1, b: 1 }, [], true),
      report({ c: 1 }, ['a']),
      report({ b: 1, c: 1 }, [], true),
    ],
  ])('hold %s', (_name, earlier, later, merged) => {
    expect(mergeReports<number, typeof earlier>(earlier, later)).toEqual(merged);
  });
});

describe('a report that is larger than a frame', () => {
  it('goes in several, of which only the first replaces anything', () => {
    const set = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`i${index}`, 'x'.repeat(9_000)]));
    const whole = { revision: 7, full: true, set, delete: [] };
    const frames = inFrames<string, typeof whole>(whole);
    expect(frames.length).toBeGreaterThan(4);
    for (const frame of frames) expect(JSON.stringify(frame).length).toBeLessThan(300 * 1024);
    expect(frames.map(({ full }) => full)).toEqual([true, ...frames.slice(1).map(() => false)]);
    expect(frames.map((frame) => 'keep' in frame && frame.keep)).toEqual([
      Object.keys(set),
      ...frames.slice(1).map(() => false),
    ]);
    expect(Object.assign({}, ...frames.map((frame) => frame.set))).toEqual(set);
  });

  it('is one frame when it is small, also when it says that there is nothing', () => {
    const small = { revision: 7, full: false, set: { a: 1 }, delete: ['b'] };
    expect(inFrames<number, typeof small>(small)).toEqual([small]);
    const nothing = { revision: 7, full: true, set: {}, delete: [] };
    expect(inFrames<number, typeof nothing>(nothing)).toEqual([nothing]);
  });
});

describe('the outbox', () => {
  it('keeps what was not acked, in order', () => {
    const outbox = new Outbox();
    for (const message of ['a', 'b', 'c']) outbox.add(event(message));
    outbox.ack(1);
    expect(outbox.after(0).map(({ sequence, event: { message } }) => [sequence, message])).toEqual([
      [2, 'b'],
      [3, 'c'],
    ]);
  });

  it('drops the oldest at its bound and tells how many, once there is room', () => {
    const outbox = new Outbox(3);
    for (let n = 1; n <= 10; n += 1) outbox.add(event(`${n}`));
    expect(outbox.size).toBe(3);
    outbox.ack(8);
    expect(outbox.after(0).map(({ sequence, event: { kind, lost } }) => [sequence, kind, lost])).toEqual([
      [9, 'health.changed', undefined],
      [10, 'health.changed', undefined],
      [11, 'gap', 7],
    ]);
  });

  it('counts a dropped gap with what it counted', () => {
    const outbox = new Outbox(2);
    for (let n = 1; n <= 4; n += 1) outbox.add(event(`${n}`));
    outbox.ack(3);
    for (let n = 5; n <= 8; n += 1) outbox.add(event(`${n}`));
    outbox.ack(99);
    expect(outbox.after(0).at(-1)?.event.lost).toBe(5);
  });
});

/** A connection whose socket takes nothing until it is told to. */
class SlowWire implements Wire {
  readonly frames: AgentFrame[] = [];
  buffered = 0;
  readonly #callbacks: (() => void)[] = [];

  send(text: string, sent: () => void): void {
    const decoded = decodeAgentFrame(text);
    if (!decoded.ok) throw new Error(decoded.error.message);
    this.frames.push(decoded.frame);
    this.buffered += text.length;
    this.#callbacks.push(sent);
  }
  bufferedBytes(): number {
    return this.buffered;
  }
  drain(): void {
    this.buffered = 0;
    for (const sent of this.#callbacks.splice(0)) sent();
  }
}

const welcome: HubFrameOf<'welcome'>['b'] = {
  epoch: 1,
  serverTime: at,
  features: [],
  cursors: {},
  heartbeatIntervalMs: 60_000,
  clusterId: '11111111-1111-4111-8111-111111111111',
  organization: 'acme',
};

/** What each connection begins with, also of an agent that has nothing installed. */
const OPENING = ['observed', 'health', 'heartbeat'];

describe('a socket that is full', () => {
  it('gets heartbeats at once, and results before events when there is room', () => {
    const peer = new TestPeer();
    const outbound = new Outbound('incarnation', () => peer);
    const wire = new SlowWire();
    wire.buffered = 1024 * 1024;
    outbound.sendEvent(event('first'));
    outbound.open(wire, welcome);
    outbound.sendResult(resultOf(1));
    outbound.heartbeat();
    expect(wire.frames.map(({ t }) => t)).toEqual([...OPENING, 'heartbeat']);
    wire.drain();
    expect(wire.frames.slice(4).map(({ t }) => t)).toEqual(['result', 'event']);
  });

  it('keeps nothing but events of a connection that is gone', () => {
    const peer = new TestPeer();
    const outbound = new Outbound('incarnation', () => peer);
    const first = new SlowWire();
    first.buffered = 1024 * 1024;
    outbound.open(first, welcome);
    outbound.sendResult(resultOf(1));
    outbound.sendEvent(event('kept'));
    outbound.close();
    const second = new SlowWire();
    outbound.open(second, { ...welcome, cursors: { 'results.incarnation': 4 } });
    expect(second.frames.map(({ t }) => t)).toEqual([...OPENING, 'event']);
    outbound.sendResult(resultOf(2));
    outbound.onAck('events.incarnation', 1);
    expect(second.frames.at(-1)).toMatchObject({ t: 'result', q: 5 });
  });
});

describe('metrics', () => {
  const stores = { ...welcome, features: [METRICS_FEATURE] };
  const look = (second: number) => ({
    installationId: INSTALLATION_ID,
    table: '00000000000000aa',
    series: [['up', {}] as [string, Record<string, string>]],
    t0: new Date(Date.parse(at) + second * 1_000).toISOString(),
    values: [second],
  });

  it('go after events, and what was dropped is told as an event of its own when the hub is back', () => {
    const outbound = new Outbound('incarnation', () => new TestPeer());
    for (let second = 0; second < 603; second += 1) outbound.sendMetrics(look(second));
    outbound.sendEvent(event('first'));
    const wire = new SlowWire();
    outbound.open(wire, stores);
    expect(wire.frames.slice(0, 6)).toMatchObject([
      ...OPENING.map((t) => ({ t })),
      { t: 'event', b: { message: 'first' } },
      { t: 'event', b: { kind: 'gap', lost: 3 } },
      { t: 'metrics', s: 'metrics.incarnation', q: 4, b: { values: [3] } },
    ]);
    outbound.onAck('metrics.incarnation', 603);
    outbound.close();
    const next = new SlowWire();
    outbound.open(next, stores);
    expect(next.frames.filter(({ t }) => t === 'metrics')).toEqual([]);
  });

  it('are not kept for a hub that stores none', () => {
    const outbound = new Outbound('incarnation', () => new TestPeer());
    outbound.sendMetrics(look(0));
    const old = new SlowWire();
    outbound.open(old, welcome);
    outbound.sendMetrics(look(1));
    outbound.onAck('metrics.incarnation', 0);
    outbound.close();
    const wire = new SlowWire();
    outbound.open(wire, stores);
    outbound.sendMetrics(look(2));
    outbound.onAck('events.incarnation', 0);
    expect([old, wire].map(({ frames }) => frames.map(({ t }) => t))).toEqual([OPENING, [...OPENING, 'metrics']]);
  });
});
