import { Injectable } from '@nestjs/common';
import type { CreateOperation } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ProblemError } from '../http/problem.ts';
import { AgentAbilitiesRepository } from './agent-abilities.repository.ts';
import { agentTooOld } from './agent-too-old.ts';
import type { InstallationRow } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { checkMayStart } from './may-start.ts';
import { WantedReleaseService, type ChosenRelease } from './wanted-release.service.ts';
import type { Wanted } from '../operations/begin-operation.service.ts';

type Change = Pick<Wanted, 'releaseId' | 'action' | 'deleteVolumes' | 'parameters' | 'acceptDifferences'>;

/** Taking over what plain Helm runs, and letting go of it again. */
@Injectable()
export class AdoptionService {
  constructor(
    private readonly installations: InstallationsRepository,
    private readonly wantedRelease: WantedReleaseService,
    private readonly abilities: AgentAbilitiesRepository,
  ) {}

  /** An agent of before would install everything once more beside what runs. @throws ProblemError `conflict` */
  async checkAgent(tx: EntityManager, { clusterId, cluster }: { clusterId: string; cluster: string }): Promise<void> {
    if (await this.abilities.mayKnowAdoption(tx, clusterId)) return;
    throw agentTooOld(cluster, ' to take over or let go of what runs');
  }

  /** Once more, with another version, other parameters or the differences accepted. @throws ProblemError `conflict` */
  async adopt(
    tx: EntityManager,
    installation: InstallationRow,
    wanted: Extract<CreateOperation, { kind: 'adopt' }>,
  ): Promise<{ change: Change; toCheck: ChosenRelease }> {
    await this.checkAgent(tx, installation);
    const { name, service, observedGeneration } = installation;
    if (observedGeneration > 0)
      throw new ProblemError('conflict', `${name} is taken over already`, { action: 'push an upgrade instead' });
    const current = await this.installations.wantedGeneration(tx, installation);
    const isSame = wanted.version === undefined && wanted.channel === undefined;
    const chosen = isSame
      ? await this.wantedRelease.byId(tx, current.releaseId)
      : await this.wantedRelease.choose(tx, service, wanted);
    checkMayStart(chosen);
    const { acceptDifferences = false, parameters = current.parameters } = wanted;
    const releaseId = chosen.row.id;
    return {
      change: { releaseId, parameters, action: 'run', deleteVolumes: false, acceptDifferences },
      toCheck: chosen,
    };
  }

  /** Of what runs; of one that never did, what was wanted. @throws ProblemError `conflict` */
  async leave(tx: EntityManager, installation: InstallationRow): Promise<Change> {
    await this.checkAgent(tx, installation);
    const running = await this.installations.generation(tx, installation.id, installation.observedGeneration);
    const { releaseId, parameters } = running ?? (await this.installations.wantedGeneration(tx, installation));
    return { releaseId, parameters, action: 'remove', deleteVolumes: false };
  }
}
