import { buildAhead } from './build-ahead.ts';
import { check } from './check.ts';
import { LEVELS } from './levels.ts';
import { run } from './process.ts';

/**
 * `npm test [-- LEVEL…] [-- vitest arguments]`: format, types and lint, then each level in order until one is red. Levels that
 * did not run are named at the end with the reason and what would make them run, and the exit code is then 1.
 */
export function test(args: readonly string[]): void {
  const wanted = args.filter((arg) => LEVELS.some((level) => level.name === arg));
  const rest = args.filter((arg) => !wanted.includes(arg));
  const levels = LEVELS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  buildAhead(levels);
  check();
  const left: { name: string; reason: string }[] = [];
  let red: string | undefined;
  for (const { name, lacks } of levels) {
    const reason = lacks() ?? (red === undefined ? undefined : `${red} is red`);
    if (reason !== undefined) left.push({ name, reason });
    else if (run('vitest', ['run', '--project', name, ...rest]) !== 0) red = name;
  }
  if (left.length > 0) {
    const width = Math.max(...left.map(({ name }) => name.length));
    const lines = left.map(({ name, reason }) => `  ${name.padEnd(width)}  ${reason}\n`).join('');
    const command = `npm test -- ${left.map(({ name }) => name).join(' ')}`;
    process.stderr.write(`\nThese levels did not run:\n${lines}When that is mended: ${command}\n`);
  }
  if (red !== undefined) process.stderr.write(`\n${red} is red: see above\n`);
  process.exit(left.length > 0 || red !== undefined ? 1 : 0);
}
