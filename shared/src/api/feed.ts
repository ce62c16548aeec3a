import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Cluster } from './clusters.ts';
import { Installation, Operation, OperationTransition } from './fleet.ts';

/**
 * What the live feed (`GET /api/v1/feed`, server-sent events) carries. The SSE `id` resumes by `Last-Event-ID`; `event` is the type;
 * `data` the JSON body. Bodies are whole objects: a reader replaces what it has. `reset` means: too old an id, load the lists again.
 */
export const FEED_EVENTS = {
  'cluster.changed': Cluster,
  'installation.changed': Installation,
  'operation.changed': Type.Object({ operation: Operation, transition: Type.Optional(OperationTransition) }),
  reset: Type.Object({ reason: Type.String() }),
} as const;
export type FeedEventType = keyof typeof FEED_EVENTS;
export type FeedEvent = {
  [K in FeedEventType]: { id: string; type: K; data: Static<(typeof FEED_EVENTS)[K]> };
}[FeedEventType];
