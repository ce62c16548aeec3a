import * as Type from 'typebox';

const NAME = '[a-z0-9]([a-z0-9.-]*[a-z0-9])?';

/** A workload that can be scaled, as `Deployment/web`. */
export const SCALABLE_WORKLOAD = `^(Deployment|StatefulSet)/${NAME}$`;

/** A container that can be resized, as `Deployment/web/server`. */
export const RESIZABLE_CONTAINER = `^(Deployment|StatefulSet|DaemonSet)/${NAME}/[a-z0-9]([a-z0-9-]*[a-z0-9])?$`;

export const ScalableKind = Type.Unsafe<'Deployment' | 'StatefulSet'>({
  type: 'string',
  enum: ['Deployment', 'StatefulSet'],
});

/** Of a workload, in what a vendor signs. */
export const OfferedName = Type.String({
  minLength: 1,
  maxLength: 253,
  description: "`${installation}` stands for the installation's name",
});

/** Of one workload. */
export const MAX_REPLICAS = 1_000;

const MAX_NAMED = 100;

/** Of an object whose keys are workloads. */
export const ofWorkloads = {
  maxProperties: MAX_NAMED,
  propertyNames: { pattern: SCALABLE_WORKLOAD, maxLength: 270 },
} as const;

/** Of an object whose keys are containers. */
export const ofContainers = {
  maxProperties: MAX_NAMED,
  propertyNames: { pattern: RESIZABLE_CONTAINER, maxLength: 340 },
} as const;
