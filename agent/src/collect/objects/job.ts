import * as Type from 'typebox';
import { compile, HOOK_LABEL, mapOf } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { markOf } from '../../kube/mark.ts';
import { ownerOf } from '../../kube/object.ts';

/** What is kept of a Job. */
export interface JobView {
  name: string;
  uid: string;
  mark: string;
  /** `CronJob/report` */
  owner?: string | undefined;
  /** The CronJob it comes from. */
  cronJob: string | undefined;
  /** `failed` as soon as that is certain. */
  state: 'active' | 'complete' | 'failed' | 'suspended';
  /**
   * `begun` when its outcome is certain and its pods are told to go, `over` when none of them runs any more.
   * https://kubernetes.io/docs/concepts/workloads/controllers/job/#termination-of-job-pods
   */
  end: 'none' | 'begun' | 'over';
  message: string;
  /** When it was made or, after it was suspended, started. */
  startedMs: number;
  /** It has had pods, whatever became of them. */
  hasHadPods: boolean;
  /** Made by a hook: the operation tells of it. */
  isHook: boolean;
}

const Count = Type.Optional(Type.Integer());
const decode = compile(
  Type.Object({
    metadata: Type.Object({
      name: Type.String(),
      uid: Type.String(),
      creationTimestamp: Type.Optional(Type.String()),
      labels: Type.Optional(mapOf(Type.String())),
      ownerReferences: Type.Optional(Type.Array(Type.Object({ kind: Type.String(), name: Type.String() }))),
    }),
    spec: Type.Optional(Type.Object({ suspend: Type.Optional(Type.Boolean()) })),
    status: Type.Optional(
      Type.Object({
        startTime: Type.Optional(Type.String()),
        active: Count,
        succeeded: Count,
        failed: Count,
        conditions: Type.Optional(
          Type.Array(
            Type.Object({
              type: Type.String(),
              status: Type.String(),
              reason: Type.Optional(Type.String()),
              message: Type.Optional(Type.String()),
            }),
          ),
        ),
      }),
    ),
  }),
);

interface Counts {
  active?: number;
  succeeded?: number;
  failed?: number;
}
function hasHadPods({ active = 0, succeeded = 0, failed = 0 }: Counts): boolean {
  return active + succeeded + failed > 0;
}

const startOf = (started: string | undefined, made = ''): number => Date.parse(started ?? made);

/** The small view of a Job; undefined when it is not one that can be read. */
export function jobView(object: KubeObject): JobView | undefined {
  const decoded = decode(object);
  if (!decoded.ok) return undefined;
  const { metadata, spec, status = {} } = decoded.value;
  const held = (status.conditions ?? []).filter((condition) => condition.status === 'True');
  const failed = held.find(({ type }) => type === 'Failed' || type === 'FailureTarget');
  const types = new Set(held.map(({ type }) => type));
  return {
    name: metadata.name,
    uid: metadata.uid,
    mark: markOf(object),
    owner: ownerOf(object.metadata),
    cronJob: metadata.ownerReferences?.find(({ kind }) => kind === 'CronJob')?.name,
    state: failed ? 'failed' : types.has('Complete') ? 'complete' : spec?.suspend ? 'suspended' : 'active',
    end: endOf(types),
    message: failed ? `${failed.reason ?? 'Failed'}: ${failed.message ?? 'no message'}`.slice(0, 600) : '',
    startedMs: startOf(status.startTime, metadata.creationTimestamp),
    hasHadPods: hasHadPods(status),
    isHook: metadata.labels?.[HOOK_LABEL] !== undefined,
  };
}

function endOf(types: ReadonlySet<string>): JobView['end'] {
  if (types.has('Failed') || types.has('Complete')) return 'over';
  return types.has('FailureTarget') || types.has('SuccessCriteriaMet') ? 'begun' : 'none';
}
