import * as Type from 'typebox';
import type { Static } from 'typebox';
import { ReleaseEnvelope, ReleaseKey, ReleaseName, Slug } from '../release/release.ts';
import { Namespace } from '../namespace.ts';

/**
 * What the agent's manifest is made of, for those who check every part and build it themselves (`steward install`):
 * `GET /install/v1/agent` with `Accept: application/json`. Same token and rules as the YAML; the token is not repeated.
 */
export const InstallKit = Type.Object({
  organization: Slug,
  cluster: Slug,
  /** The hub's address for the agent. */
  hubUrl: Type.String({ maxLength: 500 }),
  /** When the hub has an authority of its own. */
  hubCaPem: Type.Optional(Type.String({ maxLength: 100_000 })),
  agentImage: Type.String({ maxLength: 500 }),
  releaseKeys: Type.Array(ReleaseKey, { maxItems: 50 }),
  /** What is recorded for this cluster: its rights are those that the signed release asks for. */
  installations: Type.Array(
    Type.Object({
      name: Slug,
      /** Helm's name of it, where it is not the installation's. */
      releaseName: Type.Optional(ReleaseName),
      service: Slug,
      namespace: Namespace,
      envelope: ReleaseEnvelope,
    }),
    { maxItems: 10_000 },
  ),
});
export type InstallKit = Static<typeof InstallKit>;
