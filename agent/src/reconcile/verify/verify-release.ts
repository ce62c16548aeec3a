import coerce from 'semver/functions/coerce.js';
import gte from 'semver/functions/gte.js';
import satisfies from 'semver/functions/satisfies.js';
import {
  LIMITS,
  parseBoundedJson,
  problemOfPermission,
  PRODUCT_VERSION,
  verifyRelease,
  type DesiredState,
  type ReleaseKey,
  type VerifiedRelease,
} from '@steward/shared';
import type { HistoryEntry } from '../../operations/installation/installation-object.ts';
import { done, failed, type Outcome } from '../outcome.ts';

/** What a release must fit to. */
export interface VerifyContext {
  desired: DesiredState;
  /** Pinned by the customer. */
  trusted: readonly ReleaseKey[];
  history: readonly HistoryEntry[];
  /** The highest counter used so far, by key. */
  counters: Readonly<Record<string, number>>;
  runningVersion: string | undefined;
  kubernetesVersion: string;
  now: Date;
}

/**
 * Whether these bytes are the release that is wanted, signed by a key the customer pinned, and may run here and now. A
 * release of this installation's own history may run again whatever its counter and expiry say, and so may be taken up again
 * what runs by it already, where that changes nothing.
 */
export function verifiedRelease(bytes: Uint8Array, context: VerifyContext): Outcome<VerifiedRelease> {
  if (bytes.length > LIMITS.maxReleaseBytes * 2) return failed('too-large', 'the release envelope is too large');
  const json = parseBoundedJson(Buffer.from(bytes).toString('utf8'), 64);
  if (!json.ok) return failed('bad-signature', `the release envelope is ${json.error}`);
  const verified = verifyRelease(json.value, context.trusted);
  if (!verified.ok) return failed('bad-signature', verified.error);
  const { release, digest } = verified.value;
  const { desired } = context;
  if (digest !== desired.release.digest)
    return failed('digest-mismatch', `the release is ${digest}, wanted was ${desired.release.digest}`);
  if (release.service !== desired.service || release.version !== desired.release.version) {
    const wanted = `${desired.service} ${desired.release.version}`;
    return failed('digest-mismatch', `the release is signed as ${release.service} ${release.version}, not ${wanted}`);
  }
  const refused = refusalOf(verified.value, context);
  return refused ?? done(verified.value);
}

function refusalOf(verified: VerifiedRelease, context: VerifyContext): ReturnType<typeof failed> | undefined {
  const { release, digest } = verified;
  const { desired, history, runningVersion, kubernetesVersion } = context;
  const isKnown = history.some(({ releaseDigest }) => releaseDigest === digest);
  const refusedAsNew = isKnown || changesNothing(desired) ? undefined : refusalOfNew(verified, context);
  if (refusedAsNew) return refusedAsNew;
  if (!isAtLeast(PRODUCT_VERSION, release.minimumAgentVersion))
    return failed(
      'version-range',
      `release ${release.version} needs an agent of ${release.minimumAgentVersion} or newer; this one is ${PRODUCT_VERSION}`,
    );
  const kubernetes = coerce(kubernetesVersion)?.version ?? kubernetesVersion;
  if (!satisfies(kubernetes, release.kubernetes))
    return failed(
      'version-range',
      `release ${release.version} supports Kubernetes ${release.kubernetes}; this cluster is ${kubernetesVersion}`,
    );
  const { from } = release.upgrade;
  const replaced = runningVersion === release.version ? undefined : runningVersion;
  if (from !== undefined && replaced !== undefined && !satisfies(replaced, from, { includePrerelease: true }))
    return failed('version-range', `release ${release.version} replaces ${from}; ${replaced} is running`);
  return undefined;
}

/** What only counts for a release that has not run here. */
function refusalOfNew(
  { release, signedBy }: VerifiedRelease,
  { desired, counters, now }: VerifyContext,
): ReturnType<typeof failed> | undefined {
  const highest = counters[signedBy] ?? 0;
  if (release.counter < highest)
    return failed(
      'counter-too-low',
      `release ${release.version} has counter ${release.counter}; ${desired.name} has had ${highest} from this key`,
    );
  if (release.expiresAt !== undefined && Date.parse(release.expiresAt) <= now.getTime())
    return failed('expired-release', `release ${release.version} expired at ${release.expiresAt}`);
  const problem = release.permissions.map(problemOfPermission).find((found) => found !== undefined);
  return problem === undefined ? undefined : failed('kind-not-permitted', tooMuch(release.version, problem));
}

function tooMuch(version: string, problem: string): string {
  return `release ${version} asks for ${problem}. No agent may have that: publish a version whose Roles name what they give; what needs more, the customer applies`;
}

function changesNothing({ operation: { kind, recovers, acceptDifferences } }: DesiredState): boolean {
  return kind === 'adopt' && recovers === true && acceptDifferences !== true;
}

function isAtLeast(version: string, minimum: string): boolean {
  const coerced = coerce(minimum, { includePrerelease: true });
  return coerced !== null && gte(version, coerced);
}
