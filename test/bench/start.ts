import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { join } from 'node:path';
import { npmStart } from '../support/npm-start.ts';
import { progress, rounded, type Figures } from './figures.ts';

/** `npm start` on warm caches and empty state, until NATS is healthy under management; then Ctrl-C, and clean. */
export async function bench(): Promise<Figures> {
  const root = join(import.meta.dirname, '../..');
  const clean = async (): Promise<void> =>
    void (await once(spawn('npm', ['run', '-s', 'clean'], { cwd: root, stdio: 'ignore' }), 'close'));
  await clean();
  const startedAt = performance.now();
  const started = await npmStart({ cwd: root, until: 'runs under management', timeoutMs: 60 * 60_000 });
  const seconds = (performance.now() - startedAt) / 1000;
  progress(`healthy after ${rounded(seconds)} s; stopping`);
  await started.interrupt();
  await clean();
  return { seconds: rounded(seconds) };
}
