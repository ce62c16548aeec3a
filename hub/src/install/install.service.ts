import { Injectable } from '@nestjs/common';
import { agentManifest, grantManifest, manifestYaml, type InstallKit, type ReleaseKey } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ReleaseKeysRepository } from '../catalog/release-keys/release-keys.repository.ts';
import { openStored } from '../catalog/stored-release.ts';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { EnrolmentTokensRepository } from '../clusters/enrolment-tokens.repository.ts';
import { Database } from '../db/database.ts';
import { credentialHash, credentialKind } from '../http/credential.ts';
import { ProblemError } from '../http/problem.ts';
import { grantedPermissions } from './granted-permissions.ts';
import { HubAddressService } from './hub-address.service.ts';
import { InstallSourceRepository, type GrantSource, type TokenCluster } from './install-source.repository.ts';

interface AgentParts {
  cluster: TokenCluster;
  keys: ReleaseKey[];
  grants: GrantSource[];
}

function toGrant({ name, service, namespace, releaseName, envelope, earlierEnvelopes }: GrantSource) {
  const wanted = openStored(envelope).release;
  const releases = [wanted, ...earlierEnvelopes.map((earlier) => openStored(earlier).release)];
  return {
    installation: name,
    service,
    namespace,
    ...(releaseName === null ? {} : { releaseName }),
    permissions: grantedPermissions(releases),
    definitions: wanted.definitions,
  };
}

/** The manifests that customers apply. Downloading one uses nothing up and changes nothing but the note that it was fetched. */
@Injectable()
export class InstallService {
  constructor(
    private readonly database: Database,
    private readonly sources: InstallSourceRepository,
    private readonly keys: ReleaseKeysRepository,
    private readonly tokens: EnrolmentTokensRepository,
    private readonly news: ClusterNewsService,
    private readonly hub: HubAddressService,
  ) {}

  /** The agent with everything it needs, and the grants of the installations that are recorded for its cluster. */
  async agentYaml(token: string | undefined): Promise<string> {
    const { cluster, keys, grants } = await this.#load(token);
    const objects = agentManifest({
      organization: cluster.organization,
      ...this.hub.parts(),
      releaseKeys: keys,
      ...(token === undefined ? {} : { enrolmentToken: token }),
      image: this.hub.agentImage,
      grants: grants.map(toGrant),
    });
    return manifestYaml(objects);
  }

  /** The same in parts, for those who check each and build the manifest themselves. */
  async agentKit(token: string | undefined): Promise<InstallKit> {
    const { cluster, keys, grants } = await this.#load(token);
    return {
      organization: cluster.organization,
      cluster: cluster.cluster,
      ...this.hub.parts(),
      agentImage: this.hub.agentImage,
      releaseKeys: keys,
      installations: grants.map(({ name, service, namespace, releaseName, envelope }) => ({
        name,
        ...(releaseName === null ? {} : { releaseName }),
        service,
        namespace,
        envelope: openStored(envelope).envelope,
      })),
    };
  }

  async grantYaml(installationId: string, token: string | undefined): Promise<string> {
    const isGrant = token !== undefined && credentialKind(token) === 'grant';
    const found = isGrant
      ? await this.database.asSystem((tx) => this.sources.findGrant(tx, installationId, credentialHash(token)))
      : undefined;
    if (!found)
      throw new ProblemError('not-authenticated', 'the grant token is not for this installation, or has expired', {
        action: 'ask the vendor for a new grant line (`steward installation grant`)',
      });
    return manifestYaml(grantManifest({ organization: found.organization, ...toGrant(found) }));
  }

  #load(token: string | undefined): Promise<AgentParts> {
    return this.database.asSystem(async (tx) => {
      const cluster = await this.#findCluster(tx, token);
      const keys = await this.keys.loadKeys(tx, cluster.organizationId);
      const grants = await this.sources.grantsOfCluster(tx, cluster.clusterId);
      await this.tokens.noteManifestFetched(tx, cluster.clusterId);
      await this.news.publish(tx, cluster.clusterId);
      return { cluster, keys, grants };
    });
  }

  async #findCluster(tx: EntityManager, token: string | undefined): Promise<TokenCluster> {
    const isEnrolment = token !== undefined && credentialKind(token) === 'enrolment';
    const found = isEnrolment ? await this.sources.findCluster(tx, credentialHash(token)) : undefined;
    const action = 'ask the vendor for a new install line (`steward cluster enrol`)';
    if (!found) throw new ProblemError('not-authenticated', 'the enrolment token is not known here', { action });
    if (found.replacedAt || found.expiresAt.getTime() <= Date.now())
      throw new ProblemError('token-expired', 'the enrolment token has expired or was replaced', { action });
    return found;
  }
}
