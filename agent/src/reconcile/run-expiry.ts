import { Interruption } from './operation/run/interruption.ts';
import type { Run } from './operation/run/run.ts';

const MAX_TIMER_MS = 2 ** 31 - 1;

/** Ends the operation when its time to be started is over, by the API server's clock. @returns what stops waiting */
export function expireAt(run: Run): () => void {
  const { notAfter } = run.record.spec.desired.operation;
  const message = `${run.title} was to be started before ${notAfter} by the clock of this cluster's API server, and was not`;
  let timer: NodeJS.Timeout | undefined;
  const wait = (): void => {
    const waitMs = Date.parse(notAfter) - run.context.now().getTime();
    // No timer is as long as a year.
    if (waitMs > MAX_TIMER_MS) timer = setTimeout(wait, MAX_TIMER_MS);
    else
      timer = setTimeout(
        () => run.interrupt(new Interruption('expired', { reason: 'expired', message })),
        Math.max(0, waitMs),
      );
  };
  wait();
  return () => clearTimeout(timer);
}
