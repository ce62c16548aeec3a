import {
  canonicalJson,
  Channel,
  LIMITS,
  releaseDigest,
  ReleaseDetails,
  ReleaseSummary,
  Service,
  signRelease,
  StoredChart,
  TrustedKey,
  type Release,
  type ReleaseKey,
} from '@steward/shared';
import type { Chart } from '../chart/chart.ts';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { lastingContent } from './build-release.ts';

export interface SigningKey {
  privateKeyPem: string;
  key: ReleaseKey;
}

export interface Publication {
  hub: HubClient;
  chart: Chart;
  signingKey: SigningKey;
  channels: readonly string[];
  /** Makes the release for a counter; asked again when somebody else took the number. */
  release(counter: number): Release;
  progress: (line: string) => void;
}

export interface Published {
  service: string;
  version: string;
  digest: string;
  signedBy: string;
  counter: number;
  channels: string[];
  /** Those of them that pointed elsewhere before. */
  movedChannels: string[];
  /** False when the hub had this very release already. */
  isNew: boolean;
}

const maxCounterTries = 3;

async function existing(hub: HubClient, service: string, version: string): Promise<ReleaseDetails | undefined> {
  try {
    return await hub.get(ReleaseDetails, apiPath`/services/${service}/releases/${version}`);
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.notFound) return undefined;
    throw error;
  }
}

/** Fails before anything is uploaded when the hub would refuse a release that is signed with this key. */
export async function checkKeyIsKnown(hub: HubClient, key: ReleaseKey): Promise<void> {
  const trusted = await hub.list(TrustedKey, '/release-keys');
  if (!trusted.some(({ fingerprint }) => fingerprint === key.fingerprint))
    throw new CliError(EXIT.notAllowed, `the hub does not know the key ${key.fingerprint}`, {
      action: 'Let an owner add it: steward keys trust KEYFILE --name "…"',
    });
}

/** The first release of a service brings it into the catalog. */
async function ensureService({ hub, progress }: Publication, { service, display }: Release): Promise<void> {
  try {
    await hub.get(Service, apiPath`/services/${service}`);
  } catch (error) {
    if (!(error instanceof CliError) || error.exitCode !== EXIT.notFound) throw error;
    await hub.post(Service, '/services', { slug: service, name: display.name });
    progress(`service ${service} is new in the catalog`);
  }
}

/** One more than the highest counter that this key has signed for the service. */
export async function nextCounter(hub: HubClient, service: string, key: ReleaseKey): Promise<number> {
  const releases = await hub.list(ReleaseSummary, apiPath`/services/${service}/releases`);
  const own = releases.filter(({ signedBy }) => signedBy === key.fingerprint);
  return Math.max(0, ...own.map(({ counter }) => counter)) + 1;
}

function sameContent(stored: ReleaseDetails, wanted: Release, key: ReleaseKey): boolean {
  if (stored.signedBy !== key.fingerprint) return false;
  return canonicalJson(lastingContent(stored.release)) === canonicalJson(lastingContent(wanted));
}

/** @returns the channels that pointed elsewhere */
async function moveChannels(publication: Publication, service: string, version: string): Promise<string[]> {
  const { hub, channels, progress } = publication;
  const { channels: now } = await hub.get(Service, apiPath`/services/${service}`);
  const moved = channels.filter((channel) => now[channel] !== version);
  for (const channel of moved) {
    await hub.put(Channel, apiPath`/services/${service}/channels/${channel}`, { json: { version } });
    progress(`channel ${channel} → ${version}`);
  }
  return moved;
}

async function isAlreadyThere(publication: Publication, wanted: Release): Promise<Published | undefined> {
  const { hub, signingKey, channels } = publication;
  const stored = await existing(hub, wanted.service, wanted.version);
  if (!stored) return undefined;
  if (!sameContent(stored, wanted, signingKey.key))
    throw new CliError(
      EXIT.conflict,
      `${wanted.service} ${wanted.version} is published already, with other content or another key`,
      { action: 'A published version never changes: raise version in Chart.yaml, or give --version.' },
    );
  const movedChannels = await moveChannels(publication, wanted.service, wanted.version);
  const { service, version, digest, signedBy, counter } = stored;
  return { service, version, digest, signedBy, counter, channels: [...channels], movedChannels, isNew: false };
}

async function sendRelease(publication: Publication, service: string): Promise<Published> {
  const { hub, chart, signingKey, channels, progress } = publication;
  for (let attempt = 1; ; attempt += 1) {
    const release = publication.release(await nextCounter(hub, service, signingKey.key));
    const payload = Buffer.from(JSON.stringify(release));
    if (payload.length * 1.4 > LIMITS.maxReleaseBytes)
      throw new CliError(EXIT.failed, `the release is ${payload.length} bytes, more than a hub takes`, {
        action: 'Open fewer values to the hub, or describe them in fewer words.',
      });
    const envelope = signRelease(payload, signingKey.privateKeyPem);
    if (attempt === 1 && release.chart.oci === undefined) {
      progress(`uploading the chart (${chart.packed.length} bytes)`);
      await hub.put(StoredChart, apiPath`/charts/${chart.digest}`, { bytes: chart.packed });
    }
    progress(`publishing the signed release (counter ${release.counter})`);
    try {
      const stored = await hub.post(ReleaseDetails, '/releases', { envelope, channels });
      const { version, signedBy, counter } = stored;
      return {
        service,
        version,
        digest: releaseDigest(envelope),
        signedBy,
        counter,
        channels: [...channels],
        movedChannels: [...channels],
        isNew: true,
      };
    } catch (error) {
      const isTaken = error instanceof CliError && error.exitCode === EXIT.conflict;
      if (!isTaken || attempt >= maxCounterTries) throw error;
      // Another publisher was faster: with the same release that is fine, with another one the next counter is due.
      const there = await isAlreadyThere(publication, release);
      if (there) return there;
    }
  }
}

/** Signs and uploads; doing it again with the same content changes nothing but the channels. */
export async function publishRelease(publication: Publication): Promise<Published> {
  const draft = publication.release(1);
  await ensureService(publication, draft);
  return (await isAlreadyThere(publication, draft)) ?? sendRelease(publication, draft.service);
}
