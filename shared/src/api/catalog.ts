import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Digest, Release, ReleaseEnvelope, ReleaseKey, Slug } from '../release/release.ts';
import { Name } from './people.ts';
import { mapOf } from '../schema-map.ts';

const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
export const Version = Type.String({ minLength: 1, maxLength: 100 });

export const Service = Type.Object({
  id: Uuid,
  slug: Slug,
  name: Name,
  createdAt: Time,
  channels: mapOf(Version),
  latestVersion: Type.Optional(Version),
});
export type Service = Static<typeof Service>;
export const CreateService = Type.Object({ slug: Slug, name: Name }, { additionalProperties: false });
export type CreateService = Static<typeof CreateService>;

export const TrustedKey = Type.Object({ ...ReleaseKey.properties, name: Name, createdAt: Time });
export type TrustedKey = Static<typeof TrustedKey>;
export const CreateTrustedKey = Type.Object(
  { name: Name, publicKey: ReleaseKey.properties.publicKey },
  { additionalProperties: false },
);
export type CreateTrustedKey = Static<typeof CreateTrustedKey>;

export const ReleaseSummary = Type.Object({
  service: Slug,
  version: Version,
  digest: Digest,
  chartDigest: Digest,
  signedBy: Digest,
  counter: Type.Integer(),
  createdAt: Time,
  publishedAt: Time,
});
export type ReleaseSummary = Static<typeof ReleaseSummary>;
/** One release with what was signed; `envelope` is what an agent verifies. */
export const ReleaseDetails = Type.Object({
  ...ReleaseSummary.properties,
  release: Release,
  envelope: ReleaseEnvelope,
});
export type ReleaseDetails = Static<typeof ReleaseDetails>;
/** Publishing the same envelope again answers with the stored release; another content under a taken version is a conflict. The chart's bytes are uploaded first. */
export const PublishRelease = Type.Object(
  { envelope: ReleaseEnvelope, channels: Type.Optional(Type.Array(Slug, { maxItems: 10 })) },
  { additionalProperties: false },
);
export type PublishRelease = Static<typeof PublishRelease>;
export const SetChannel = Type.Object({ version: Version }, { additionalProperties: false });
export type SetChannel = Static<typeof SetChannel>;
export const Channel = Type.Object({ service: Slug, name: Slug, version: Version, updatedAt: Time });
export type Channel = Static<typeof Channel>;
export const StoredChart = Type.Object({ digest: Digest, bytes: Type.Integer() });
export type StoredChart = Static<typeof StoredChart>;
