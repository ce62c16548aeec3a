import * as Type from 'typebox';
import type { Static } from 'typebox';
import {
  compile,
  DesiredFrame,
  HealthState,
  PAUSED_ANNOTATION,
  ReleaseMetrics,
  RunState,
  ServiceEndpoint,
  type Decoded,
  mapOf,
} from '@steward/shared';
import { ClaimMaker } from '../../collect/objects/storage.ts';
import { ImageSource } from './image-source.ts';
import { DriftStatus } from './drift-status.ts';
import { ScheduleStatus } from './schedule-status.ts';

const Time = Type.String({ format: 'date-time' });

/** An object that belongs to an installation. Without a uid it was about to be applied. */
export const InventoryEntry = Type.Object({
  group: Type.String(),
  version: Type.String(),
  kind: Type.String(),
  namespace: Type.Optional(Type.String()),
  name: Type.String(),
  uid: Type.Optional(Type.String()),
  /** Made by a hook, as the chart names it (`Job/shop-migrate`): never removed for not being in a set. */
  hook: Type.Optional(Type.String()),
});
export type InventoryEntry = Static<typeof InventoryEntry>;

/** A generation that ended well and may run again. */
export const HistoryEntry = Type.Object({
  generation: Type.Integer(),
  version: Type.String(),
  releaseDigest: Type.String(),
  parametersDigest: Type.String(),
  renderRef: Type.String(),
  /** How it ran; absent: as released. */
  runState: Type.Optional(RunState),
  /** From where its images came; absent: from where the release says. */
  images: Type.Optional(ImageSource),
  /** The generation that brought this set, where later ones only changed how it runs and took its place here. */
  setGeneration: Type.Optional(Type.Integer()),
  /** It runs with images named as they were found, not by digest: adopted, and no pod replaced since. */
  isAsFound: Type.Optional(Type.Boolean()),
  at: Time,
});
export type HistoryEntry = Static<typeof HistoryEntry>;

/** The newest generation of which a hook ran that going back does not undo. */
export const PointOfNoReturn = Type.Object({
  generation: Type.Integer(),
  hooks: Type.String(),
  /** Whose hooks they are; absent where an older agent wrote it. */
  release: Type.Optional(Type.Object({ digest: Type.String(), signedBy: Type.String(), counter: Type.Integer() })),
});
export type PointOfNoReturn = Static<typeof PointOfNoReturn>;

/** The operation that is changing the cluster, by its id; with its stored set, where it has one. */
export const UnderWay = Type.Object({
  operation: Type.String(),
  generation: Type.Integer(),
  renderRef: Type.Optional(Type.String()),
  /** Only the hooks before an uninstall have begun: all runs as it did. Absent too where an older agent wrote it. */
  isBeforeRemoval: Type.Optional(Type.Boolean()),
});
export type UnderWay = Static<typeof UnderWay>;

export const INSTALLATION_STATES = ['pending', 'running', 'rolled-back', 'failed', 'removed'] as const;
export type InstallationState = (typeof INSTALLATION_STATES)[number];

export const InstallationStatus = Type.Object({
  generation: Type.Integer(),
  observedGeneration: Type.Integer(),
  state: Type.Unsafe<InstallationState>({ type: 'string', enum: [...INSTALLATION_STATES] }),
  version: Type.Optional(Type.String()),
  releaseDigest: Type.Optional(Type.String()),
  health: Type.Optional(HealthState),
  message: Type.Optional(Type.String()),
  /** Newest first; at most {@link MAX_HISTORY}. */
  history: Type.Array(HistoryEntry),
  inventory: Type.Array(InventoryEntry),
  desired: Type.Optional(DesiredFrame),
  /** All it ever had: what they made outlives them. */
  claimMakers: Type.Optional(Type.Array(ClaimMaker)),
  /** The highest counter used, by fingerprint of the release key. */
  counters: mapOf(Type.Integer()),
  pointOfNoReturn: Type.Optional(PointOfNoReturn),
  /** Kinds that are watched for its health. */
  watched: Type.Array(Type.String()),
  /** What is measured of it. */
  metrics: Type.Optional(ReleaseMetrics),
  /** Stored sets that are to be removed; a kill may have come before. */
  unneeded: Type.Optional(Type.Array(Type.String())),
  /**
   * Written with the first thing that an operation writes here, before it changes anything, and taken away with its end: without
   * that operation it is not certain what runs, unless it says so.
   */
  underWay: Type.Optional(UnderWay),
  /**
   * The stored set of the good generation of which an uninstall has begun to remove what runs: the hooks before that are done, and a
   * next try does not run them again. Taken away when nothing of that went, and with the first thing that is applied again. That
   * other objects of it went is not said by this, but by the state: see what-went.ts.
   */
  removalOf: Type.Optional(Type.String()),
  /** Ids of removed installations that had this name. */
  formerIds: Type.Optional(Type.Array(Type.String())),
  /** What others changed of it. */
  drift: Type.Optional(DriftStatus),
  /** At which Services what runs is reached. */
  endpoints: Type.Optional(Type.Array(ServiceEndpoint)),
  /** What its schedule has made of it. */
  schedule: Type.Optional(ScheduleStatus),
});
export type InstallationStatus = Static<typeof InstallationStatus>;

/** How many good generations can be gone back to. */
export const MAX_HISTORY = 5;

const InstallationObject = Type.Object({
  metadata: Type.Object({
    name: Type.String(),
    uid: Type.String(),
    resourceVersion: Type.String(),
    annotations: Type.Optional(mapOf(Type.String())),
  }),
  spec: Type.Object({ id: Type.String({ format: 'uuid' }), service: Type.String(), namespace: Type.String() }),
  // Not Type.Partial: it brings the library's engine for computed types into the agent, as Type.Record does.
  status: Type.Optional(Type.Unsafe<Partial<InstallationStatus>>({ ...InstallationStatus, required: [] })),
});
const decode = compile(InstallationObject);

export interface InstallationRecord {
  name: string;
  uid: string;
  resourceVersion: string;
  id: string;
  service: string;
  namespace: string;
  /** By its annotation: what others change is not put right. */
  isPaused: boolean;
  status: InstallationStatus;
}

export function decodeInstallation(object: unknown): Decoded<InstallationRecord> {
  const decoded = decode(object);
  if (!decoded.ok) return decoded;
  const { metadata, spec, status } = decoded.value;
  const first: InstallationStatus = {
    generation: 0,
    observedGeneration: 0,
    state: 'pending',
    history: [],
    inventory: [],
    counters: {},
    watched: [],
  };
  const { name, uid, resourceVersion } = metadata;
  const isPaused = hasPause(metadata.annotations);
  return { ok: true, value: { name, uid, resourceVersion, isPaused, ...spec, status: { ...first, ...status } } };
}

/** Any value but `false` counts. */
export function hasPause(annotations: Record<string, string> | undefined): boolean {
  const value = annotations?.[PAUSED_ANNOTATION];
  return value !== undefined && value !== 'false';
}
