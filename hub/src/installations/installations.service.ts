import { Injectable } from '@nestjs/common';
import { reservedNamespace, type CreatedInstallation, type CreateInstallation } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { ProblemError } from '../http/problem.ts';
import { BeginOperationService } from '../operations/begin-operation.service.ts';
import { IdempotencyRepository } from '../operations/idempotency.repository.ts';
import { GrantsService } from './grants.service.ts';
import { toInstallation } from './installation-row.ts';
import { InstallationPlaceService } from '../wanted/installation-place.service.ts';
import { InstallationsRepository, type Place } from './installations.repository.ts';
import { checkMayStart } from '../wanted/may-start.ts';
import { WantedReleaseService } from '../wanted/wanted-release.service.ts';

export interface InstallationRequest {
  wanted: CreateInstallation;
  idempotencyKey: string | undefined;
  traceparent: string | undefined;
}

@Injectable()
export class InstallationsService {
  constructor(
    private readonly database: Database,
    private readonly installations: InstallationsRepository,
    private readonly places: InstallationPlaceService,
    private readonly wantedRelease: WantedReleaseService,
    private readonly beginning: BeginOperationService,
    private readonly idempotency: IdempotencyRepository,
    private readonly grants: GrantsService,
  ) {}

  /** A new installation at generation 1 with its operation; it starts once the customer has given the rights. */
  async create(context: TenantContext, request: InstallationRequest): Promise<CreatedInstallation> {
    const { wanted } = request;
    const { parameters = {} } = wanted;
    const idempotent = { key: request.idempotencyKey, request: wanted };
    const prepared = await this.database.inTenant(context, async (tx) => {
      const known = await this.idempotency.find(tx, context, idempotent);
      return known === undefined ? this.places.find(tx, wanted) : { known: await this.#answer(tx, context, known) };
    });
    if ('known' in prepared) return prepared.known;
    const { place, serviceId, chosen } = prepared;
    refuseReserved(wanted.namespace ?? wanted.name);
    checkMayStart(chosen);
    await this.wantedRelease.checkParameters(chosen, parameters);
    return this.database.inTenant(context, async (tx) => {
      const known = await this.idempotency.find(tx, context, idempotent);
      if (known !== undefined) return this.#answer(tx, context, known);
      const namespace = wanted.namespace ?? wanted.name;
      const id = await this.installations.insert(tx, context, {
        ...place,
        serviceId,
        name: wanted.name,
        namespace,
        releaseName: otherName(wanted),
      });
      if (id === undefined) throw taken(wanted.name, namespace, place);
      const operation = await this.beginning.begin(
        tx,
        context,
        { id, customerId: place.customerId, clusterId: place.clusterId, generation: 1 },
        {
          kind: wanted.adopt ? 'adopt' : 'install',
          acceptDifferences: wanted.adopt?.acceptDifferences ?? false,
          releaseId: chosen.row.id,
          action: 'run',
          deleteVolumes: false,
          parameters,
          traceparent: request.traceparent,
        },
      );
      await this.idempotency.keep(tx, context, idempotent, operation.id);
      return this.#answer(tx, context, operation.id);
    });
  }

  async #answer(tx: EntityManager, context: TenantContext, operationId: string): Promise<CreatedInstallation> {
    const found = await this.installations.findByOperation(tx, operationId);
    if (!found) throw new Error('the installation of an operation is not there');
    const { command } = await this.grants.create(tx, context, found);
    return { installation: toInstallation(found), operation: { id: operationId }, grantCommand: command };
  }
}

/** Helm's name of what is adopted, where it is another one. */
function otherName({ name, adopt }: CreateInstallation): string | undefined {
  return adopt?.releaseName === name ? undefined : adopt?.releaseName;
}

/** Nobody is to be asked to grant rights there. */
function refuseReserved(namespace: string): void {
  const reserved = reservedNamespace(namespace);
  if (reserved === undefined) return;
  throw new ProblemError('invalid-request', `nothing can be installed into the namespace "${namespace}": ${reserved}`, {
    action: 'choose another namespace',
  });
}

function taken(name: string, namespace: string, { cluster }: Place): ProblemError {
  return new ProblemError(
    'already-exists',
    `the cluster "${cluster}" has an installation "${name}" or one in the namespace "${namespace}" already`,
    {
      action: 'choose another name and namespace: each installation has a namespace of its own',
    },
  );
}
