import { sentences } from '../../sentences.ts';
import type { ContainerStatus, PodObject } from './pod-object.ts';

/** One thing that is wrong with a pod. */
export interface PodProblem {
  /** For programs: what Kubernetes calls it where it has a word. */
  code: string;
  message: string;
  restarts: number;
}

const WAITING: Readonly<Record<string, string>> = {
  ErrImagePull: 'Check that the image exists and that the cluster reaches its registry.',
  ImagePullBackOff: 'Check that the image exists and that the cluster reaches its registry.',
  InvalidImageName: 'Correct the image reference.',
  ErrImageNeverPull: 'The image is not on the node and the pod may not pull it.',
  RegistryUnavailable: 'Check that the cluster reaches the registry.',
  CreateContainerConfigError: 'Create the Secret or ConfigMap it refers to, or correct the name.',
  CreateContainerError: 'Correct the container: the node cannot make it.',
  RunContainerError: 'Correct the command or the mounts: the node cannot start it.',
  CrashLoopBackOff: 'Read its log.',
};

/** What registries and runtimes say of a login that is missing or wrong; some say it of an image that is not there too. */
const NOT_LET_IN = /unauthorized|authorization failed|forbidden|access denied|credentials/i;
const LOGIN_ADVICE =
  'The registry does not let it in: check the pull Secret in its namespace (its name, the registry, the login), and that the image exists.';

/** What is wrong with a pod as its status says; at most three, the most telling first. Being not ready yet is none of them. */
export function problemsOf({ spec, status }: PodObject): PodProblem[] {
  if (!status) return [];
  const limits = new Map(
    [...(spec.initContainers ?? []), ...spec.containers].map(({ name, resources }) => [
      name,
      resources?.limits?.['memory'],
    ]),
  );
  const problems: PodProblem[] = [];
  const scheduled = status.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    const message = `no node can take it: ${scheduled.message ?? 'the scheduler gave no reason'}`;
    problems.push({ code: 'Unschedulable', message, restarts: 0 });
  }
  if (status.phase === 'Failed') {
    const message = status.message ?? 'it ended with a failure';
    problems.push({ code: status.reason ?? 'PodFailed', message, restarts: 0 });
  }
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const problem = problemOf(container, limits.get(container.name));
    if (problem) problems.push(problem);
  }
  return problems.slice(0, 3).map((problem) => ({ ...problem, message: problem.message.slice(0, 600) }));
}

function problemOf(container: ContainerStatus, limit: string | number | undefined): PodProblem | undefined {
  return waitingProblem(container, limit) ?? endedProblem(container, limit);
}

function waitingProblem(container: ContainerStatus, limit: string | number | undefined): PodProblem | undefined {
  const { name, restartCount: restarts } = container;
  const waiting = container.state?.waiting;
  const reason = waiting?.reason ?? '';
  const advice = WAITING[reason];
  if (advice === undefined) return undefined;
  const last = container.lastState?.terminated;
  if (reason === 'CrashLoopBackOff' && last) {
    const { code = reason, text } = endOf(last, limit);
    return { code, message: withRestarts(`container ${name} ${text}`, restarts), restarts };
  }
  const isImage = reason.includes('Image');
  const image = isImage && container.image ? ` (${container.image})` : '';
  const said = waiting?.message ?? reason;
  const message = `container ${name}${image}: ${isImage ? ofImage(said, advice) : sentences(said, advice)}`;
  return { code: reason, message, restarts };
}

function ofImage(said: string, advice: string): string {
  return sentences(lastOfChain(said), NOT_LET_IN.test(said) ? LOGIN_ADVICE : advice);
}

/** A runtime wraps the cause into the same reference several times: `failed to pull … "x": failed to resolve … "x": cause`. */
function lastOfChain(message: string): string {
  return message.replace(/^(?:(?:Back-off pulling image|failed to [^"]*?) "[^"]*": |ErrImagePull: )+/, '') || message;
}

/** A container that ended badly: now, or just before it was started again and did not get ready since. */
function endedProblem(container: ContainerStatus, limit: string | number | undefined): PodProblem | undefined {
  const before = container.ready ? undefined : container.lastState?.terminated;
  const ended = container.state?.terminated ?? before;
  if (!ended || ended.exitCode === 0) return undefined;
  const { code = 'ContainerFailed', text } = endOf(ended, limit);
  const restarts = container.restartCount;
  return { code, message: withRestarts(`container ${container.name} ${text}`, restarts), restarts };
}

function withRestarts(text: string, restarts: number): string {
  if (restarts === 0) return text;
  return `${text}; restarted ${restarts === 1 ? 'once' : `${restarts} times`}`;
}

function endOf(
  ended: NonNullable<NonNullable<ContainerStatus['state']>['terminated']>,
  limit: string | number | undefined,
): { code?: string; text: string } {
  if (ended.reason === 'OOMKilled') {
    const bound = limit === undefined ? "the node's memory" : `its memory limit of ${limit}`;
    return { code: 'OOMKilled', text: `was killed: it needed more than ${bound}. Raise the limit or its cause` };
  }
  const last = ended.message?.trim().split('\n').at(-1);
  const said = last ? `: ${last.slice(0, 200)}` : '';
  const signal = ended.signal === undefined ? '' : ` by signal ${ended.signal}`;
  return { text: `ended${signal} with exit code ${ended.exitCode}${said}. Read its log` };
}
