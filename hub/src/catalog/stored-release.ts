import { compile, Release, ReleaseEnvelope, type ReleaseDetails, type ReleaseSummary } from '@steward/shared';
import type { ReleaseRow, StoredRelease } from './releases.repository.ts';

const decodeEnvelope = compile(ReleaseEnvelope);
const decodeRelease = compile(Release);

export function toSummary(found: ReleaseRow): ReleaseSummary {
  const { service, version, digest, chartDigest, signedBy, counter } = found;
  return {
    service,
    version,
    digest,
    chartDigest,
    signedBy,
    counter,
    createdAt: found.signedAt.toISOString(),
    publishedAt: found.createdAt.toISOString(),
  };
}

/** What a stored envelope holds. Its signature was checked when it was published; agents check it again. @throws Error when the row is damaged */
export function openStored(envelopeText: string): { envelope: ReleaseEnvelope; release: Release } {
  const envelope = decodeEnvelope(JSON.parse(envelopeText));
  if (!envelope.ok) throw new Error(`a stored release envelope is malformed: ${envelope.error}`);
  const release = decodeRelease(JSON.parse(Buffer.from(envelope.value.payload, 'base64').toString('utf8')));
  if (!release.ok) throw new Error(`a stored release is malformed: ${release.error}`);
  return { envelope: envelope.value, release: release.value };
}

export function toDetails(found: StoredRelease): ReleaseDetails {
  return { ...toSummary(found), ...openStored(found.envelope) };
}
