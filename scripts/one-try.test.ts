import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import config from '../vitest.config.ts';
import { ROOT } from './process.ts';

/** What a test says that kills somebody, or counts what must happen once. */
const COUNTS = {
  'hub,console': /hub\.kill\(|SIGKILL|exactly once|stored once/,
  'agent,cluster': /\.kill\(|SIGKILL|\.died\b/,
};

it.each(Object.entries(COUNTS))('what is killed or counted in %s is tried once', (levels, counts) => {
  const files = globSync(`test/{${levels}}/**/*.test.ts`, { cwd: ROOT });
  const counting = files.map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
  const found = counting.filter(({ text }) => counts.test(text));
  expect(found.length).toBeGreaterThan(2);
  expect(found.filter(({ text }) => !text.includes('one-try')).map(({ file }) => file)).toEqual([]);
});

it('and once means once', () => {
  expect(config.test?.tags).toContainEqual(expect.objectContaining({ name: 'one-try', retry: 0 }));
});
