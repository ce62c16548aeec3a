import { expect, it } from 'vitest';
import { createOrderedIds } from './ordered-id.ts';

it('makes ids that rise, though the clock stands still or goes back', () => {
  let now = 1_790_000_000_000;
  const nextId = createOrderedIds(() => now);
  const made = Array.from({ length: 5_000 }, (_, n) => {
    if (n === 4_500) now -= 60_000;
    return nextId();
  });
  expect([...made].sort()).toEqual(made);
  expect(new Set(made).size).toBe(5_000);
  for (const id of made) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
