import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BodyRoom } from './body-room.ts';
import { readBody, type BodyBounds } from './read-body.ts';

const MIB = 1024 * 1024;

function bounds(change: Partial<BodyBounds> = {}): BodyBounds {
  return { room: new BodyRoom(), address: '192.0.2.1', maxBytes: MIB, deadlineMs: 60_000, ...change };
}

describe('a request body', () => {
  it('is read in full, and leaves its room', async () => {
    const room = new BodyRoom();
    for (let round = 0; round < 20; round += 1) {
      const payload = new PassThrough();
      payload.end(Buffer.alloc(MIB, 'x'));
      expect((await readBody(payload, bounds({ room }))).byteLength).toBe(MIB);
    }
  });

  it('is refused when it is too large, with the connection whole', async () => {
    const payload = new PassThrough();
    const reading = readBody(payload, bounds({ maxBytes: 3 }));
    payload.write('xxxx');
    await expect(reading).rejects.toMatchObject({ code: 'too-large' });
    expect(payload.destroyed).toBe(false);
  });

  it('is refused when it comes too slowly', async () => {
    const payload = new PassThrough();
    const reading = readBody(payload, bounds({ deadlineMs: 20 }));
    payload.write('x');
    await expect(reading).rejects.toMatchObject({ code: 'invalid-request', detail: expect.stringContaining('0.02 s') });
  });

  it('is refused when it breaks off', async () => {
    const payload = new PassThrough();
    const reading = readBody(payload, bounds());
    payload.destroy(new Error('ECONNRESET'));
    await expect(reading).rejects.toMatchObject({
      code: 'invalid-request',
      detail: expect.stringContaining('breaks off'),
    });
  });

  it('finds no room while too much of the same address is on its way, and again afterwards', async () => {
    const room = new BodyRoom();
    const slow = Array.from({ length: 16 }, () => new PassThrough({ highWaterMark: 2 * MIB }));
    const reading = slow.map((payload) => readBody(payload, bounds({ room })));
    for (const payload of slow) payload.write(Buffer.alloc(MIB));
    const late = () => {
      const payload = new PassThrough();
      payload.end('x');
      return payload;
    };
    await expect(readBody(late(), bounds({ room }))).rejects.toMatchObject({ code: 'too-many-requests' });
    expect((await readBody(late(), bounds({ room, address: '192.0.2.2' }))).byteLength).toBe(1);
    for (const payload of slow) payload.end();
    await Promise.all(reading);
    expect((await readBody(late(), bounds({ room }))).byteLength).toBe(1);
  });

  it('finds no room while too much of all addresses is on its way', () => {
    const room = new BodyRoom();
    const addresses = Array.from({ length: 4 }, (_, at) => `192.0.2.${at}`);
    expect(addresses.map((address) => room.take(address, 16 * MIB))).toEqual([true, true, true, true]);
    expect(room.take('192.0.2.9', 1)).toBe(false);
    room.give('192.0.2.0', 1);
    expect(room.take('192.0.2.9', 1)).toBe(true);
  });
});
