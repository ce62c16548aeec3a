import { expect, it } from 'vitest';
import { Places } from './places.ts';

it('are taken under every key or under none, and given back once', () => {
  const places = new Places();
  const all = { key: 'all', max: 3 };
  const [a, b] = [
    { key: 'a', max: 2 },
    { key: 'b', max: 2 },
  ] as const;
  const first = places.take([all, a]);
  places.take([all, a]);
  expect(places.take([all, a])).toBeUndefined();
  expect(places.count('all')).toBe(2);
  expect(places.take([all, b])).toBeDefined();
  expect(places.take([all, b])).toBeUndefined();
  expect([places.count('a'), places.count('b')]).toEqual([2, 1]);
  first?.();
  first?.();
  expect([places.count('all'), places.count('a')]).toEqual([2, 1]);
  expect(places.take([all, a])).toBeDefined();
});
