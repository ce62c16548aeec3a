import { MAX_REPLICAS, SCALABLE_WORKLOAD, type Installation } from '@steward/shared';
import { usageError } from '../cli-error.ts';

const SCALABLE = new RegExp(SCALABLE_WORKLOAD);

/**
 * What `web=3 StatefulSet/db=default` asks for, with every workload's whole name. A short name is found among what the
 * agent tells of; whether a whole one is there is for the agent to say. @throws CliError
 */
export function scaleRequest(
  { name, workloads }: Pick<Installation, 'name' | 'workloads'>,
  settings: readonly string[],
): Record<string, number | null> {
  const request: Record<string, number | null> = {};
  for (const setting of settings) {
    const [workload = '', count = ''] = setting.split('=', 2);
    request[scalableName({ name, workloads }, workload)] = podsOf(setting, count);
  }
  return request;
}

/** The whole name of a workload that can be scaled, of a short or a whole one. @throws CliError */
export function scalableName(
  { name: installation, workloads }: Pick<Installation, 'name' | 'workloads'>,
  workload: string,
): string {
  if (SCALABLE.test(workload)) return workload;
  const known = workloads.map(({ kind, name }) => `${kind}/${name}`).filter((one) => SCALABLE.test(one));
  const found = known.filter((one) => one.split('/')[1] === workload);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const choice = known.length > 0 ? `Of ${installation} can be scaled: ${known.join(', ')}.` : undefined;
  throw usageError(
    found.length > 1 ? `"${workload}" is ${found.join(' and ')}` : `${installation} has no workload "${workload}"`,
    choice,
  );
}

function podsOf(setting: string, count: string): number | null {
  if (count === 'default') return null;
  if (/^\d{1,4}$/.test(count) && Number(count) <= MAX_REPLICAS) return Number(count);
  throw usageError(
    `"${setting}" does not say how many pods`,
    `Say WORKLOAD=NUMBER, up to ${MAX_REPLICAS}, or WORKLOAD=default for as many as the release says.`,
  );
}
