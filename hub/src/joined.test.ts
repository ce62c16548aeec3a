import { describe, expect, it } from 'vitest';
import { joined } from './joined.ts';

describe('work that is joined', () => {
  it('is done once for all who ask while it goes on, and anew afterwards', async () => {
    const runs: PromiseWithResolvers<number>[] = [];
    const ask = joined(() => {
      const run = Promise.withResolvers<number>();
      runs.push(run);
      return run.promise;
    });
    const first = [ask(), ask(), ask()];
    runs[0]?.resolve(1);
    expect(await Promise.all(first)).toEqual([1, 1, 1]);
    const second = ask();
    runs[1]?.reject(new Error('gone'));
    await expect(second).rejects.toThrow('gone');
    const third = ask();
    runs[2]?.resolve(3);
    expect(await third).toBe(3);
    expect(runs).toHaveLength(3);
  });
});
