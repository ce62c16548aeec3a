import { setTimeout as delay } from 'node:timers/promises';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { persist } from '../../operations/persist.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { isOwnScaler } from '../run-state/own-scalers.ts';

const LOOK_MS = 1_000;

const Condition = Type.Object({
  type: Type.String(),
  status: Type.String(),
  message: Type.Optional(Type.String()),
});
const decode = compile(
  Type.Object({
    spec: Type.Object({ minReplicas: Type.Integer(), maxReplicas: Type.Integer() }),
    status: Type.Optional(
      Type.Object({
        currentReplicas: Type.Optional(Type.Integer()),
        desiredReplicas: Type.Optional(Type.Integer()),
        conditions: Type.Optional(Type.Array(Condition)),
      }),
    ),
  }),
);

export interface ScalersOptions {
  kube: KubeClient;
  objects: readonly KubeObject[];
  deadlineMs: number;
  now: () => Date;
  signal: AbortSignal;
}

/**
 * Resolves when the cluster's autoscaler holds every workload that it is to scale for us within its bounds, and has tried to
 * measure it.
 */
export async function awaitScalers(options: ScalersOptions): Promise<Outcome<void>> {
  const { deadlineMs, now, signal } = options;
  for (;;) {
    const waiting = (await lookAtScalers(options)).find(({ isActive }) => !isActive);
    if (!waiting) return done(undefined);
    if (now().getTime() >= deadlineMs)
      return failed('rollout-deadline', `${waiting.name} was not taken up before the deadline. ${waiting.able}`);
    await delay(LOOK_MS, undefined, { signal });
  }
}

/** Of those that cannot measure yet, why: they hold the count they find until they can. */
export async function unmeasuredScalers(options: ScalersOptions): Promise<string[]> {
  const looked = await lookAtScalers(options);
  return looked.flatMap(({ name, blind }) =>
    blind === undefined ? [] : [`${name} cannot measure yet and keeps the count until it can: ${blind}`],
  );
}

interface Looked {
  name: string;
  isActive: boolean;
  /** What its controller says. */
  able: string;
  blind: string | undefined;
}

async function lookAtScalers({ kube, objects, signal }: ScalersOptions): Promise<Looked[]> {
  const looked: Looked[] = [];
  for (const { apiVersion, kind, metadata } of objects.filter(isOwnScaler)) {
    const ref = await persist(() => kube.resourceOf(apiVersion, kind), signal);
    const live = ref && (await persist(() => kube.get(ref, metadata.namespace, metadata.name, { signal }), signal));
    looked.push(readScaler(`${kind}/${metadata.name}`, live));
  }
  return looked;
}

/** Pure. @param live the autoscaler as the cluster has it */
export function readScaler(name: string, live: unknown): Looked {
  const decoded = decode(live);
  if (!decoded.ok) return { name, isActive: false, able: 'It is not there', blind: undefined };
  const { spec, status = {} } = decoded.value;
  const condition = (type: string): Static<typeof Condition> | undefined =>
    status.conditions?.find((one) => one.type === type);
  const [able, active] = [condition('AbleToScale'), condition('ScalingActive')];
  // It says first what it wants, and what is there only at its next look.
  const isInside = [status.currentReplicas, status.desiredReplicas].some(
    (count) => count !== undefined && count >= spec.minReplicas && count <= spec.maxReplicas,
  );
  return {
    name,
    isActive: able?.status === 'True' && active !== undefined && isInside,
    able: able?.message ?? 'No controller has looked at it',
    blind: active?.status === 'False' ? (active.message ?? '') : undefined,
  };
}
