import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { decodeAgentFrame, decodeHubFrame, encodeFrame } from './codec.ts';

describe('reading frames', () => {
  it('reads a heartbeat back', () => {
    const text = encodeFrame({ t: 'heartbeat', b: { revision: 3, hash: 'x', clock: '2026-11-21T00:00:00Z' } });
    expect(decodeAgentFrame(text)).toMatchObject({ ok: true, frame: { t: 'heartbeat', b: { revision: 3 } } });
  });

  it('ignores fields it does not know', () => {
    expect(decodeHubFrame('{"t":"ack","b":{"stream":"s","upTo":4,"later":true},"zz":1}').ok).toBe(true);
  });

  it.each([
    ['garbage', 'not json'],
    ['an array', '[]'],
    ['no body of its schema', '{"t":"ack","b":{}}'],
    ['a record without a sequence', '{"t":"event","b":{"kind":"gap","message":"","at":"2026-11-21T00:00:00Z"}}'],
    ['deep nesting', `{"t":"ack","b":${'['.repeat(40)}${']'.repeat(40)}}`],
  ])('refuses %s', (_name, text) => {
    expect(decodeAgentFrame(text)).toMatchObject({ ok: false, error: { kind: 'bad-frame' } });
  });

  it.each(['health', 'observed'])('refuses what a report says of something that is no id: %s', (type) => {
    const text = readFileSync(join(import.meta.dirname, `golden/v1/agent.${type}.json`), 'utf8');
    const decoded = decodeAgentFrame(text);
    if (!decoded.ok || (decoded.frame.t !== 'health' && decoded.frame.t !== 'observed')) throw new Error(text);
    const { b } = decoded.frame;
    const [body] = Object.values(b.set);
    const withKey = (key: string): string =>
      JSON.stringify({ ...decoded.frame, b: { ...b, set: { ...b.set, [key]: body } } });
    expect(decodeAgentFrame(withKey(crypto.randomUUID()))).toMatchObject({ ok: true });
    expect(decodeAgentFrame(withKey('shop'))).toMatchObject({
      ok: false,
      error: { kind: 'bad-report', type, message: expect.stringContaining('"uuid"') },
    });
  });

  it('names the stream and sequence of a record whose body is wrong', () => {
    expect(decodeAgentFrame('{"t":"event","s":"events.a","q":7,"b":{"kind":"later"}}')).toMatchObject({
      ok: false,
      error: { kind: 'bad-record', type: 'event', stream: 'events.a', sequence: 7, body: { kind: 'later' } },
    });
  });

  it('tells an unknown type from a bad frame', () => {
    expect(decodeAgentFrame('{"t":"later.thing","b":{}}')).toMatchObject({
      ok: false,
      error: { kind: 'unknown-type' },
    });
  });
});
