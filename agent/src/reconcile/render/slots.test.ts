import { describe, expect, it } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

describe('slots', () => {
  it('are given to as many as there are, then in the order of asking', async () => {
    const slots = new Slots(2);
    const order: string[] = [];
    const take = async (name: string): Promise<() => void> => {
      const giveBack = await slots.take(never);
      order.push(name);
      return giveBack;
    };
    const first = await take('a');
    const second = await take('b');
    const third = take('c');
    const fourth = take('d');
    await Promise.resolve();
    expect(order).toEqual(['a', 'b']);
    second();
    second();
    await third;
    expect(order).toEqual(['a', 'b', 'c']);
    first();
    await fourth;
    expect(order).toEqual(['a', 'b', 'c', 'd']);
  });

  it('are not lost by one who stops waiting', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(never);
    const leaving = new AbortController();
    const left = slots.take(leaving.signal);
    const patient = slots.take(never);
    leaving.abort(new Error('enough'));
    await expect(left).rejects.toThrow('enough');
    giveBack();
    await expect(patient).resolves.toBeTypeOf('function');
    await expect(slots.take(AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
  });
});
