import type { Run } from './run.ts';

/** By when an operation, or its way back, has to be through: Unix milliseconds by the API server's clock. */
export function deadlineOf({ context, record }: Run, isWayBack: boolean): number {
  const { wayBack, deadlineAt } = record.status;
  return Date.parse((isWayBack ? wayBack?.deadlineAt : deadlineAt) ?? '') || context.now().getTime();
}

/** Whether what does not answer is waited for no more: before the first write it is, and said, until the operation expires. */
export function isOverdue(run: Run, isWayBack: boolean): boolean {
  return run.record.status.state === 'running' && run.context.now().getTime() > deadlineOf(run, isWayBack);
}
