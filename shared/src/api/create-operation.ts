import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Slug } from '../release/release.ts';
import { AutoscaleRequest } from '../remedies/autoscale.ts';
import { ResizeRequest } from '../remedies/resize.ts';
import { Schedule } from '../remedies/schedule.ts';
import { ScaleRequest } from '../run-state.ts';
import { Version } from './catalog.ts';
import { mapOf } from '../schema-map.ts';

const Reason = Type.Optional(Type.String({ maxLength: 500 }));
/** For how long it may wait to be started: up to a year. */
const NotAfterSeconds = Type.Optional(Type.Integer({ minimum: 10, maximum: 31_536_000 }));
const common = { expectedGeneration: Type.Optional(Type.Integer()), notAfterSeconds: NotAfterSeconds, reason: Reason };

/**
 * `upgrade`: `version` or `channel` and/or `parameters` (absent: as they are). `rollback`: `toGeneration` (absent: the last good one before the current).
 * `adopt`: once more, of an installation that has not been taken over yet (absent parameters: as they are). `leave`: everything of it stays
 * and Steward lets go. `restart`, `stop`, `start`, `scale`, `resize`, `autoscale`, `schedule` (null: none) leave release and parameters as they run; a later upgrade keeps what they changed.
 * `expectedGeneration` refuses with `conflict` when somebody else was faster. `notAfterSeconds` is how long it may wait to be started (default 1 day; 7 days for an adoption, and for what is to run before anything has).
 */
export const CreateOperation = Type.Union([
  Type.Object(
    {
      kind: Type.Literal('upgrade'),
      version: Type.Optional(Version),
      channel: Type.Optional(Slug),
      parameters: Type.Optional(mapOf(Type.Unknown())),
      ...common,
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('rollback'),
      toGeneration: Type.Optional(Type.Integer({ minimum: 1, maximum: 2_147_483_647 })),
      ...common,
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('uninstall'),
      deleteVolumes: Type.Optional(Type.Boolean()),
      ...common,
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      kind: Type.Literal('adopt'),
      version: Type.Optional(Version),
      channel: Type.Optional(Slug),
      parameters: Type.Optional(mapOf(Type.Unknown())),
      acceptDifferences: Type.Optional(Type.Boolean()),
      ...common,
    },
    { additionalProperties: false },
  ),
  Type.Object({ kind: Type.Literal('leave'), ...common }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('restart'), ...common }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('stop'), ...common }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('start'), ...common }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('scale'), replicas: ScaleRequest, ...common }, { additionalProperties: false }),
  Type.Object({ kind: Type.Literal('resize'), resources: ResizeRequest, ...common }, { additionalProperties: false }),
  Type.Object(
    { kind: Type.Literal('autoscale'), autoscale: AutoscaleRequest, ...common },
    { additionalProperties: false },
  ),
  Type.Object(
    { kind: Type.Literal('schedule'), schedule: Type.Union([Schedule, Type.Null()]), ...common },
    { additionalProperties: false },
  ),
]);
export type CreateOperation = Static<typeof CreateOperation>;
