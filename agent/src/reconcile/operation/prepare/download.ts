import { setTimeout as delay } from 'node:timers/promises';
import { DownloadError } from '../../../link/link.ts';
import { failed, type Outcome } from '../../outcome.ts';
import type { Run } from '../run/run.ts';

const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/**
 * The hub or a registry may be away: what it has will be had later, until the operation expires. Between two tries nothing of `work` is
 * held, so that who waits here keeps nobody else waiting.
 */
export async function download<T>(run: Run, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  const signal = run.untilWriting;
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DownloadError)) throw error;
      if (!error.isTransient) return failed(error.reason, error.message);
      await tellWaiting(run, error);
      await delay(waitMs * (0.5 + Math.random()), undefined, { signal });
    }
  }
}

async function tellWaiting(run: Run, { message: why, reason }: DownloadError): Promise<void> {
  const isRegistry = reason === 'chart-unavailable';
  const message = `waiting for the ${isRegistry ? 'registry' : 'hub'}: ${why}`;
  const { state, message: told } = run.record.status;
  if (told !== message) await run.move({ state, phase: 'verify', message, ...(isRegistry && { reason }) });
}
