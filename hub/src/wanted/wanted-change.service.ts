import { Injectable } from '@nestjs/common';
import {
  CANCEL_UNINSTALL_FEATURE,
  isRemedy,
  type CreateOperation,
  type OperationKind,
  type OperationState,
  type RunState,
} from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ProblemError } from '../http/problem.ts';
import { cameToNothing } from '../operations/operation-states.ts';
import { AgentAbilitiesRepository } from './agent-abilities.repository.ts';
import { agentTooOld } from './agent-too-old.ts';
import type { InstallationRow } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { checkMayStart } from './may-start.ts';
import { checkOffered } from './check-offered.ts';
import { checkOnlyAtInstall } from './only-at-install.ts';
import { featuresNeeded, readRunState, runStateAfter } from './run-state.ts';
import { WantedReleaseService, type ChosenRelease } from './wanted-release.service.ts';
import { AdoptionService } from './adoption.service.ts';
import type { Wanted } from '../operations/begin-operation.service.ts';
import type { OperationRow } from '../operations/operation-row.ts';
import { OperationsRepository } from '../operations/operations.repository.ts';

export type Change = Pick<
  Wanted,
  'releaseId' | 'action' | 'deleteVolumes' | 'parameters' | 'toGeneration' | 'acceptDifferences'
>;

/** Finds out which release, parameters and way to run a request means, by what is wanted and what runs. */
@Injectable()
export class WantedChangeService {
  constructor(
    private readonly operations: OperationsRepository,
    private readonly installations: InstallationsRepository,
    private readonly wantedRelease: WantedReleaseService,
    private readonly abilities: AgentAbilitiesRepository,
    private readonly adoption: AdoptionService,
  ) {}

  /** `toCheck`: a release that the parameters must still be checked against. @throws ProblemError */
  async prepare(
    tx: EntityManager,
    installation: InstallationRow,
    wanted: CreateOperation,
  ): Promise<{ change: Change; toCheck?: ChosenRelease }> {
    switch (wanted.kind) {
      case 'upgrade':
        return this.#upgrade(tx, installation, wanted);
      case 'rollback':
        return { change: await this.#rollback(tx, installation, wanted.toGeneration) };
      case 'uninstall': {
        const { releaseId, parameters } = await this.installations.wantedGeneration(tx, installation);
        return { change: { releaseId, parameters, action: 'remove', deleteVolumes: wanted.deleteVolumes ?? false } };
      }
      case 'adopt':
        return this.adoption.adopt(tx, installation, wanted);
      case 'leave':
        return { change: await this.adoption.leave(tx, installation) };
      case 'restart':
      case 'stop':
      case 'start':
      case 'schedule':
        return { change: await this.#asItRuns(tx, installation, wanted.kind) };
      case 'scale':
      case 'resize':
      case 'autoscale':
        return { change: await this.#asOffered(tx, installation, wanted) };
    }
  }

  /** Outside the transaction. @throws ProblemError `invalid-parameters`, `too-large` */
  checkParameters(release: ChosenRelease, parameters: Record<string, unknown>): Promise<void> {
    return this.wantedRelease.checkParameters(release, parameters);
  }

  /** How it is to run, by the locked installation; undefined where that does not matter any more. @throws ProblemError `conflict` */
  async runState(
    tx: EntityManager,
    installation: InstallationRow,
    wanted: CreateOperation,
  ): Promise<RunState | undefined> {
    if (wanted.kind === 'uninstall' || wanted.kind === 'leave') return undefined;
    const runState = runStateAfter(wanted, readRunState(installation.runState));
    await this.#checkAgent(tx, installation, wanted.kind, featuresNeeded(wanted.kind, runState));
    return runState;
  }

  /** An agent of before would drop how it is to run, and with it what a person asked for. */
  async #checkAgent(
    tx: EntityManager,
    { clusterId, cluster }: InstallationRow,
    kind: OperationKind,
    features: readonly string[],
  ): Promise<void> {
    if (features.length === 0 || (await this.abilities.mayKnow(tx, clusterId, features))) return;
    throw agentTooOld(cluster, `: it does not know all of ${features.join(', ')}, so this ${kind} cannot be done`);
  }

  /** What is under way, by its agent. One of before would say nothing, and remove everything. @throws ProblemError `conflict` */
  async checkMayStop(tx: EntityManager, { kind, state, clusterId, cluster }: OperationRow): Promise<void> {
    if (kind !== 'uninstall' || state !== 'running') return;
    if (await this.abilities.mayKnow(tx, clusterId, [CANCEL_UNINSTALL_FEATURE])) return;
    throw agentTooOld(cluster, ' to stop an uninstall that is under way: it goes on to its end');
  }

  async #upgrade(
    tx: EntityManager,
    installation: InstallationRow,
    wanted: Extract<CreateOperation, { kind: 'upgrade' }>,
  ): Promise<{ change: Change; toCheck: ChosenRelease }> {
    const current = await this.installations.wantedGeneration(tx, installation);
    const isSame = wanted.version === undefined && wanted.channel === undefined;
    if (isSame && wanted.parameters === undefined)
      throw new ProblemError('invalid-request', 'the upgrade changes nothing', {
        action: 'give version, channel or parameters',
      });
    if (isSame) await this.#checkVersionIsClear(tx, installation);
    const chosen = isSame
      ? await this.wantedRelease.byId(tx, current.releaseId)
      : await this.wantedRelease.choose(tx, installation.service, wanted);
    const hasRunWell = await this.installations.hasRunWell(tx, installation.id, chosen.row.id);
    checkMayStart(chosen, { runningVersion: installation.runningVersion ?? undefined, hasRunWell });
    const parameters = wanted.parameters ?? (await this.#lastingParameters(tx, installation, current.parameters));
    const running = await this.installations.generation(tx, installation.id, installation.observedGeneration);
    if (running) {
      const { release } = await this.wantedRelease.byId(tx, running.releaseId);
      checkOnlyAtInstall({ release: chosen.release, parameters }, { release, parameters: running.parameters });
    }
    return { change: { releaseId: chosen.row.id, parameters, action: 'run', deleteVolumes: false }, toCheck: chosen };
  }

  /** Parameters of a change that came to nothing never ran: the next push goes on from those that do. */
  async #lastingParameters(
    tx: EntityManager,
    installation: InstallationRow,
    wanted: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    if ((await this.#endWithoutEffect(tx, installation)) === undefined) return wanted;
    const running = await this.installations.generation(tx, installation.id, installation.observedGeneration);
    return running?.parameters ?? wanted;
  }

  /** New parameters alone are for the version that runs: after an upgrade that came to nothing it must be said whether that one is meant. */
  async #checkVersionIsClear(tx: EntityManager, installation: InstallationRow): Promise<void> {
    const { version, runningVersion } = installation;
    if (runningVersion === null || runningVersion === version) return;
    const state = await this.#endWithoutEffect(tx, installation);
    if (state === undefined) return;
    throw new ProblemError('conflict', `the change to ${version} ended as ${state}, and ${runningVersion} runs`, {
      action: 'name the version that the parameters are for',
    });
  }

  /** How the latest change ended, if it came to nothing. */
  async #endWithoutEffect(tx: EntityManager, { id, generation }: InstallationRow): Promise<OperationState | undefined> {
    const latest = await this.operations.ofGeneration(tx, id, generation);
    return latest && cameToNothing(latest.state) ? latest.state : undefined;
  }

  /** A remedy is for the release that runs, whatever became of an upgrade since. */
  async #asItRuns(tx: EntityManager, { id, name, observedGeneration }: InstallationRow, kind: string): Promise<Change> {
    const found = await this.installations.generation(tx, id, observedGeneration);
    if (!found)
      throw new ProblemError('conflict', `nothing of ${name} runs yet that one could ${kind}`, {
        action: `see how its installation goes: steward operations list --installation ${name}`,
      });
    const { releaseId, parameters } = found;
    return { releaseId, parameters, action: 'run', deleteVolumes: false };
  }

  async #asOffered(tx: EntityManager, installation: InstallationRow, wanted: CreateOperation): Promise<Change> {
    const change = await this.#asItRuns(tx, installation, wanted.kind);
    const { release } = await this.wantedRelease.byId(tx, change.releaseId);
    checkOffered(wanted, release, installation.releaseName ?? installation.name);
    return change;
  }

  async #rollback(tx: EntityManager, installation: InstallationRow, toGeneration: number | undefined): Promise<Change> {
    const running = installation.observedGeneration;
    const found =
      toGeneration === undefined
        ? await this.#lastGood(tx, installation)
        : await this.#generationOfSet(tx, installation.id, toGeneration);
    if (!found)
      throw new ProblemError(
        'not-found',
        toGeneration === undefined
          ? `there is no good generation before ${running} to roll back to`
          : `there is no generation ${toGeneration}`,
        {
          action: `see what ran: steward operations list --installation ${installation.name}`,
        },
      );
    return {
      releaseId: found.releaseId,
      parameters: found.parameters,
      action: 'run',
      deleteVolumes: false,
      toGeneration: found.generation,
    };
  }

  /**
   * After a failure that was not gone back from, the last good generation is not what runs: it is what one goes back to. So it is where
   * nobody knows what became of a change.
   */
  async #lastGood(tx: EntityManager, { id, state, observedGeneration }: InstallationRow) {
    return state === 'failed' || (await this.operations.hasLostTrackSince(tx, id, observedGeneration))
      ? this.installations.lastSetUpTo(tx, id, observedGeneration)
      : this.installations.lastGoodBefore(tx, id, observedGeneration);
  }

  /** A generation that only changed how it ran stands for the one that brought what it ran. */
  async #generationOfSet(tx: EntityManager, id: string, generation: number) {
    const brought = await this.operations.ofGeneration(tx, id, generation);
    return brought && isRemedy(brought.kind)
      ? this.installations.lastSetUpTo(tx, id, generation)
      : this.installations.generation(tx, id, generation);
  }
}
