import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { ProgramName } from '../test/cluster/programs/programs.ts';
import type { Level } from './levels.ts';
import { ROOT } from './process.ts';

/**
 * Builds the programs of the levels beside the tests that do not need them yet, with what those leave of the processor. A level
 * that needs one waits until it is there, and builds it itself should this have failed. Ends with this process.
 */
export function buildAhead(levels: readonly Level[]): void {
  const programs = new Set<ProgramName>(levels.filter(({ lacks }) => !lacks()).flatMap(({ builds }) => builds()));
  if (programs.size === 0) return;
  const args = ['-n', '19', 'node', join(ROOT, 'test/cluster/cli.ts'), 'build', ...programs];
  const builder = spawn('nice', args, { stdio: ['ignore', 'inherit', 'inherit'] });
  builder.on('error', (error) => process.stderr.write(`nothing is built ahead of the tests: ${error.message}\n`));
  builder.unref();
  process.on('exit', () => builder.kill());
}
