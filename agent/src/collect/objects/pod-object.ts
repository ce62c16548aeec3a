import * as Type from 'typebox';
import type { Static } from 'typebox';
import { mapOf } from '@steward/shared';

const Terminated = Type.Object({
  exitCode: Type.Integer(),
  signal: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
});
const ContainerState = Type.Object({
  waiting: Type.Optional(Type.Object({ reason: Type.Optional(Type.String()), message: Type.Optional(Type.String()) })),
  running: Type.Optional(Type.Object({})),
  terminated: Type.Optional(Terminated),
});
export const ContainerStatus = Type.Object({
  name: Type.String(),
  ready: Type.Boolean(),
  restartCount: Type.Integer(),
  image: Type.Optional(Type.String()),
  state: Type.Optional(ContainerState),
  lastState: Type.Optional(ContainerState),
});
export type ContainerStatus = Static<typeof ContainerStatus>;

const Container = Type.Object({
  name: Type.String(),
  image: Type.Optional(Type.String()),
  resources: Type.Optional(
    Type.Object({
      limits: Type.Optional(mapOf(Type.Union([Type.String(), Type.Number()]))),
    }),
  ),
});

/** As much of a pod as is read. */
export const PodObject = Type.Object({
  spec: Type.Object({
    containers: Type.Array(Container),
    initContainers: Type.Optional(Type.Array(Container)),
    volumes: Type.Optional(
      Type.Array(Type.Object({ persistentVolumeClaim: Type.Optional(Type.Object({ claimName: Type.String() })) })),
    ),
  }),
  status: Type.Optional(
    Type.Object({
      phase: Type.Optional(Type.String()),
      podIP: Type.Optional(Type.String()),
      hostIP: Type.Optional(Type.String()),
      reason: Type.Optional(Type.String()),
      message: Type.Optional(Type.String()),
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
      containerStatuses: Type.Optional(Type.Array(ContainerStatus)),
      initContainerStatuses: Type.Optional(Type.Array(ContainerStatus)),
    }),
  ),
});
export type PodObject = Static<typeof PodObject>;
