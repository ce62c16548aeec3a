import { reservedNamespace, sha256, verifyRelease, type InstallKit, type ReleaseKey } from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';

type KitInstallation = InstallKit['installations'][number];
type Verified = ReturnType<typeof verifiedInstallation>;

/** What is left of a kit after every part was checked. */
export interface VerifiedKit {
  releaseKeys: ReleaseKey[];
  /** Fingerprints that the hub sent and nobody vouched for: left out. */
  strangeKeys: string[];
  grants: ({ installation: string; service: string; namespace: string; releaseName?: string } & Verified)[];
}

function refuse(message: string, action: string): CliError {
  return new CliError(EXIT.failed, message, { action });
}

function verifiedInstallation({ name, service, namespace, envelope }: KitInstallation, keys: readonly ReleaseKey[]) {
  const reserved = reservedNamespace(namespace);
  if (reserved !== undefined)
    throw refuse(
      `${name} is to get rights in the namespace ${namespace}: ${reserved}`,
      'Do not go on; ask the vendor.',
    );
  const verified = verifyRelease(envelope, keys);
  if (!verified.ok)
    throw refuse(
      `the release of ${name} is not what the vendor signed: ${verified.error}`,
      'Do not go on; ask the vendor.',
    );
  const { release } = verified.value;
  if (release.service !== service)
    throw refuse(
      `${name} is to be ${service}, but its release is of ${release.service}`,
      'Do not go on; ask the vendor.',
    );
  return { permissions: release.permissions, definitions: release.definitions, version: release.version };
}

/**
 * Holds what a hub sent against the fingerprints that the customer knows from elsewhere. Keys nobody vouched for are left
 * out; each installation's rights come from its release, whose signature is checked here.
 * @throws CliError when something does not fit: nothing must be applied then
 */
export function verifyKit(kit: InstallKit, fingerprints: readonly string[]): VerifiedKit {
  const isGenuine = (key: ReleaseKey): boolean => sha256(Buffer.from(key.publicKey, 'base64')) === key.fingerprint;
  const releaseKeys = kit.releaseKeys.filter((key) => fingerprints.includes(key.fingerprint) && isGenuine(key));
  const missing = fingerprints.filter((one) => !releaseKeys.some(({ fingerprint }) => fingerprint === one));
  if (missing.length > 0)
    throw refuse(
      `the hub has no key with the fingerprint ${missing.join(', ')}`,
      'Compare it with the contract, letter by letter. If it is right, this is not the hub of that vendor.',
    );
  return {
    releaseKeys,
    strangeKeys: kit.releaseKeys.map(({ fingerprint }) => fingerprint).filter((one) => !fingerprints.includes(one)),
    grants: kit.installations.map((one) => ({
      installation: one.name,
      service: one.service,
      namespace: one.namespace,
      ...(one.releaseName === undefined ? {} : { releaseName: one.releaseName }),
      ...verifiedInstallation(one, releaseKeys),
    })),
  };
}
