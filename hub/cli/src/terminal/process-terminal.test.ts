import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const PROGRAM = join(import.meta.dirname, '../main.ts');

it('says that the output cannot be written, as to a full disk, and ends with 1', async () => {
  const full = await open('/dev/full', 'w');
  const child = spawn(process.execPath, [PROGRAM, '--help'], { stdio: ['ignore', full.fd, 'pipe'] });
  if (!child.stderr) throw new Error('the command has no error output');
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  await full.close();
  expect(said).toMatch(/^error: cannot write the output: ENOSPC.*\n$/);
  expect(code).toBe(1);
});

it('takes a variable that is set but empty as not set', async () => {
  const env = { PATH: process.env['PATH'], HOME: '/nowhere', STEWARD_URL: '', STEWARD_TOKEN: '', STEWARD_PROFILE: '' };
  const child = spawn(process.execPath, [PROGRAM, 'whoami'], { stdio: ['ignore', 'ignore', 'pipe'], env });
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect(said).toContain('you are not logged in to a hub');
  expect(code).toBe(4);
});
