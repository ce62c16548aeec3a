import { Injectable } from '@nestjs/common';
import type { CreateInstallation } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ServicesRepository } from '../catalog/services.repository.ts';
import { noSuchService } from '../catalog/services.service.ts';
import { ProblemError } from '../http/problem.ts';
import { AdoptionService } from './adoption.service.ts';
import { InstallationsRepository, type Place } from '../installations/installations.repository.ts';
import { WantedReleaseService, type ChosenRelease } from './wanted-release.service.ts';

/** What the names in a request for a new installation stand for. */
@Injectable()
export class InstallationPlaceService {
  constructor(
    private readonly installations: InstallationsRepository,
    private readonly services: ServicesRepository,
    private readonly wantedRelease: WantedReleaseService,
    private readonly adoption: AdoptionService,
  ) {}

  /** @throws ProblemError */
  async find(
    tx: EntityManager,
    wanted: CreateInstallation,
  ): Promise<{ place: Place; serviceId: string; chosen: ChosenRelease }> {
    const [place, other] = await this.installations.places(tx, wanted.cluster, wanted.customer);
    if (!place)
      throw new ProblemError(
        'not-found',
        `there is no cluster "${wanted.cluster}"${wanted.customer ? ` of ${wanted.customer}` : ''}`,
        { action: 'see `steward cluster list`; make one with `steward cluster create`' },
      );
    if (other)
      throw new ProblemError('conflict', `several customers have a cluster "${wanted.cluster}"`, {
        action: 'name the customer too',
      });
    if (place.isRevoked)
      throw new ProblemError('cluster-revoked', `the cluster "${wanted.cluster}" is revoked`, {
        action: `let it in again first: steward cluster enrol ${wanted.cluster}`,
      });
    if (wanted.adopt) await this.adoption.checkAgent(tx, place);
    const service = await this.services.find(tx, wanted.service);
    if (!service) throw noSuchService(wanted.service);
    return { place, serviceId: service.id, chosen: await this.wantedRelease.choose(tx, wanted.service, wanted) };
  }
}
