import type { OperationFailure } from '@steward/shared';
import type { PodProblem } from '../../collect/objects/pod-problems.ts';

/** A problem that will not pass by itself, if it lasts for `holdMs`. */
export interface CertainFailure {
  reason: OperationFailure;
  holdMs: number;
  /** May pass when something else gets ready: a service that ends until its database is there. */
  mayWaitForOthers: boolean;
}

const MIN_RESTARTS = 3;
const CONFIG_HOLD_MS = 5_000;
/** Old pods that end meanwhile give quota back. */
export const REFUSED_HOLD_MS = 10_000;

/** What registries say when asking again will not help. */
const DEFINITE =
  /not found|manifest unknown|name unknown|repository does not exist|pull access denied|unauthorized|authorization failed|no such host|forbidden/i;

const CONFIG_CODES: ReadonlySet<string> = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
]);
const CRASH_CODES: ReadonlySet<string> = new Set(['CrashLoopBackOff', 'OOMKilled', 'ContainerFailed']);

/** Whether a problem of a pod of the new revision makes the end certain; undefined: wait. */
export function certaintyOf({ code, message, restarts }: PodProblem): CertainFailure | undefined {
  const image: CertainFailure = { reason: 'image-pull-failed', holdMs: 0, mayWaitForOthers: false };
  if (code === 'InvalidImageName' || code === 'ErrImageNeverPull' || code === 'ImagePullBackOff') return image;
  // The first failure may be the network's; the kubelet tries again before it backs off.
  if (code === 'ErrImagePull') return DEFINITE.test(message) ? image : undefined;
  if (CONFIG_CODES.has(code)) return { reason: 'config-error', holdMs: CONFIG_HOLD_MS, mayWaitForOthers: false };
  if (CRASH_CODES.has(code) && restarts >= MIN_RESTARTS)
    return { reason: 'crash-loop', holdMs: 0, mayWaitForOthers: true };
  return undefined;
}
