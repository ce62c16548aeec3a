import { Injectable } from '@nestjs/common';
import { generatedName, type InstallationExport, type OperationKind, type Release } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ChartsRepository } from '../catalog/charts/charts.repository.ts';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { ProblemError } from '../http/problem.ts';
import { OperationsRepository } from '../operations/operations.repository.ts';
import type { InstallationRow } from './installation-row.ts';
import { InstallationsRepository, type GenerationRow } from './installations.repository.ts';
import { shownRunState } from '../wanted/run-state.ts';
import { WantedReleaseService, type ChosenRelease } from '../wanted/wanted-release.service.ts';

interface Running {
  installation: InstallationRow;
  set: GenerationRow;
  chosen: ChosenRelease;
}

const REPLACES_PODS: readonly OperationKind[] = ['restart', 'stop', 'start', 'resize', 'schedule'];

/** What plain Helm needs to go on with an installation; also of one that was left or removed. */
@Injectable()
export class ExportService {
  constructor(
    private readonly database: Database,
    private readonly installations: InstallationsRepository,
    private readonly operations: OperationsRepository,
    private readonly wantedRelease: WantedReleaseService,
    private readonly charts: ChartsRepository,
  ) {}

  /** Of what runs; of what never ran, as it is wanted. */
  load(context: TenantContext, id: string): Promise<InstallationExport> {
    return this.database.inTenant(context, async (tx) => {
      const { installation, set, chosen } = await this.#running(tx, id);
      const { name, cluster, customer, service, namespace } = installation;
      const runState = shownRunState(installation.runState);
      const { version, chart, images, generateOnce = [] } = chosen.release;
      const releaseName = installation.releaseName ?? name;
      return {
        installation: name,
        cluster,
        customer,
        service,
        version,
        releaseName,
        namespace,
        releaseDigest: chosen.row.digest,
        chart: chartOf(chart),
        parameters: set.parameters,
        images,
        imagesAsAdopted: await this.#isAsAdopted(tx, id, set.generation),
        madeUp: generateOnce.map((entry) => `${entry.kind}/${generatedName(entry, releaseName)}`),
        ...(runState ? { runState } : {}),
      };
    });
  }

  /** The packed chart of the same. */
  loadChart(context: TenantContext, id: string): Promise<Buffer> {
    return this.database.inTenant(context, async (tx) => {
      const { chosen } = await this.#running(tx, id);
      const { digest, oci } = chosen.release.chart;
      if (oci !== undefined)
        throw new ProblemError('not-found', `the chart lies in the registry, at oci://${oci}, and not on this hub`, {
          action: `\`steward export\` gets it from there; it is the blob ${digest}`,
        });
      const content = await this.charts.content(tx, digest);
      if (!content) throw new Error('the chart of a release is not there');
      return content;
    });
  }

  /** What replaces pods names their images by digest. */
  async #isAsAdopted(tx: EntityManager, id: string, generation: number): Promise<boolean> {
    if ((await this.operations.ofGeneration(tx, id, generation))?.kind !== 'adopt') return false;
    // Taken up again after its agent was reinstalled: it runs as it did before.
    const before = await this.installations.lastSetUpTo(tx, id, generation - 1);
    if (before) return this.#isAsAdopted(tx, id, before.generation);
    return !(await this.operations.hasEndedWellSince(tx, id, generation, REPLACES_PODS));
  }

  async #running(tx: EntityManager, id: string): Promise<Running> {
    const installation = await this.installations.load(tx, id);
    const set =
      (await this.installations.lastSetUpTo(tx, id, installation.observedGeneration)) ??
      (await this.installations.wantedGeneration(tx, installation));
    return { installation, set, chosen: await this.wantedRelease.byId(tx, set.releaseId) };
  }
}

function chartOf({ name, version, digest, bytes, oci }: Release['chart']): InstallationExport['chart'] {
  return { name, version, digest, bytes, ...(oci === undefined ? {} : { oci }) };
}
