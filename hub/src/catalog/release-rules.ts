import { LIMITS, type Release, type ReleaseEnvelope } from '@steward/shared';
import semver from 'semver';

/** As high as the column goes. */
const MAX_COUNTER = 2_147_483_647;

/** What is wrong with a release whose signature is good, before anything is looked up; undefined when nothing is. */
export function releaseFault(release: Release, envelope: ReleaseEnvelope, now: number): string | undefined {
  if (Buffer.byteLength(envelope.payload, 'base64') > LIMITS.maxReleaseBytes)
    return `the signed release is larger than ${LIMITS.maxReleaseBytes} bytes`;
  if (release.counter > MAX_COUNTER) return `its counter ${release.counter} is above ${MAX_COUNTER}`;
  if (semver.valid(release.version) !== release.version) return `the version "${release.version}" is not SemVer`;
  if (release.expiresAt !== undefined && Date.parse(release.expiresAt) <= now)
    return `the release expired at ${release.expiresAt}`;
  if (release.chart.bytes > LIMITS.maxChartBytes)
    return `its chart has ${release.chart.bytes} bytes; the limit is ${LIMITS.maxChartBytes}`;
  const { parameters } = release;
  if (parameters['type'] !== 'object' || parameters['additionalProperties'] !== false)
    return 'the schema of its parameters is not closed: it needs "type": "object" and "additionalProperties": false';
  if (release.upgrade.from !== undefined && semver.validRange(release.upgrade.from) === null)
    return `upgrade.from "${release.upgrade.from}" is no SemVer range`;
  if (semver.validRange(release.kubernetes) === null) return `kubernetes "${release.kubernetes}" is no SemVer range`;
  return undefined;
}
