import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { progress, rounded, type Figures } from './figures.ts';

/** `npm start` on warm caches and empty state, until NATS is healthy under management; then Ctrl-C, and clean. */
export async function bench(): Promise<Figures> {
  const root = join(import.meta.dirname, '../..');
  const clean = async (): Promise<void> =>
    void (await once(spawn('npm', ['run', '-s', 'clean'], { cwd: root, stdio: 'ignore' }), 'close'));
  await clean();
  const startedAt = performance.now();
  const child = spawn('npm', ['start'], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const seconds = await new Promise<number>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('runs under management')) resolve((performance.now() - startedAt) / 1000);
    });
    child.once('close', (code) => reject(new Error(`npm start ended with ${code}`)));
  });
  progress(`healthy after ${rounded(seconds)} s; stopping`);
  const closed = once(child, 'close');
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  await closed;
  await clean();
  return { seconds: rounded(seconds) };
}
