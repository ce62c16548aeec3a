import { Injectable } from '@nestjs/common';
import {
  verifyRelease,
  type PageOf,
  type PageQuery,
  type PublishRelease,
  type Release,
  type ReleaseDetails,
  type ReleaseSummary,
  type VerifiedRelease,
} from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOfRows } from '../http/newest-first.ts';
import { pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { SchemaCheckerService } from '../parameters/schema-checker.service.ts';
import { ChartsRepository } from './charts/charts.repository.ts';
import { ReleaseKeysRepository } from './release-keys/release-keys.repository.ts';
import { releaseFault } from './release-rules.ts';
import { ReleasesRepository, type StoredRelease } from './releases.repository.ts';
import { ServicesRepository } from './services.repository.ts';
import { noSuchRelease, noSuchService } from './services.service.ts';
import { toDetails, toSummary } from './stored-release.ts';

function invalid(detail: string, action?: string): ProblemError {
  return new ProblemError('invalid-release', detail, action === undefined ? {} : { action });
}

/** Immutable signed releases. What was published stays; a channel decides what is offered. */
@Injectable()
export class ReleasesService {
  constructor(
    private readonly database: Database,
    private readonly releases: ReleasesRepository,
    private readonly services: ServicesRepository,
    private readonly charts: ChartsRepository,
    private readonly keys: ReleaseKeysRepository,
    private readonly checker: SchemaCheckerService,
  ) {}

  async list(context: TenantContext, service: string, query: PageQuery): Promise<PageOf<ReleaseSummary>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, async (tx) => {
      if (!(await this.services.find(tx, service))) throw noSuchService(service);
      return this.releases.list(tx, service, page);
    });
    return pageOfRows(found, page, toSummary);
  }

  async get(context: TenantContext, service: string, version: string): Promise<ReleaseDetails> {
    const found = await this.database.inTenant(context, (tx) => this.releases.find(tx, service, version));
    if (!found) throw noSuchRelease(service, version);
    return toDetails(found);
  }

  /**
   * Takes a release that one of the vendor's trusted keys has signed. The same envelope again is answered with what is stored (and may move
   * channels); another content under a taken version is a conflict.
   */
  async publish(context: TenantContext, wanted: PublishRelease): Promise<{ details: ReleaseDetails; isNew: boolean }> {
    const verified = await this.#verify(context, wanted);
    return this.database.inTenant(context, async (tx) => {
      const serviceId = await this.services.lock(tx, verified.release.service);
      if (serviceId === undefined) throw noSuchService(verified.release.service);
      const known = await this.#findKnown(tx, verified);
      const stored = known ?? (await this.#insert(tx, context, { serviceId, verified, wanted }));
      for (const name of wanted.channels ?? [])
        await this.services.setChannel(tx, context, { serviceId, name, releaseId: stored.id });
      return { details: toDetails(stored), isNew: known === undefined };
    });
  }

  async #verify(context: TenantContext, { envelope }: PublishRelease): Promise<VerifiedRelease> {
    const trusted = await this.database.inTenant(context, (tx) => this.keys.loadKeys(tx, context.organizationId));
    const verified = verifyRelease(envelope, trusted);
    if (!verified.ok)
      throw invalid(
        verified.error,
        'sign it with a trusted key, or let an owner trust this one (`steward keys trust`)',
      );
    const { release, digest } = verified.value;
    const fault = releaseFault(release, envelope, Date.now());
    if (fault !== undefined) throw invalid(fault, 'correct it and sign it again');
    const checked = await this.checker.check({ key: digest, schema: release.parameters });
    if (checked.kind !== 'ok')
      throw invalid(`the schema of its parameters cannot be used: ${checked.problems.join('; ')}`);
    return verified.value;
  }

  async #findKnown(tx: EntityManager, { release, digest }: VerifiedRelease): Promise<StoredRelease | undefined> {
    const known = await this.releases.find(tx, release.service, release.version);
    if (known && known.digest !== digest)
      throw new ProblemError(
        'already-exists',
        `${release.service} ${release.version} is published already with another content (${known.digest})`,
        { action: 'releases never change: publish this one under a new version' },
      );
    return known;
  }

  async #insert(
    tx: EntityManager,
    context: TenantContext,
    { serviceId, verified, wanted }: { serviceId: string; verified: VerifiedRelease; wanted: PublishRelease },
  ): Promise<StoredRelease> {
    const { release, digest, signedBy } = verified;
    if (release.chart.oci === undefined) await this.#checkChart(tx, release);
    const highest = await this.releases.highestCounter(tx, serviceId, signedBy);
    if (release.counter <= highest)
      throw new ProblemError(
        'conflict',
        `the counter ${release.counter} does not rise: this key has signed ${highest} for ${release.service} already`,
        { action: `sign it again with a counter above ${highest}` },
      );
    const id = await this.releases.insert(tx, context, {
      serviceId,
      version: release.version,
      digest,
      chartDigest: release.chart.digest,
      chartOci: release.chart.oci,
      signedBy,
      counter: release.counter,
      signedAt: release.createdAt,
      envelope: JSON.stringify(wanted.envelope),
    });
    const stored = await this.releases.findById(tx, id);
    if (!stored) throw new Error('an inserted release is not there');
    return stored;
  }

  /** That it is here. One that lies in a registry is not looked at: the hub asks no other hosts, and agents check the digest. */
  async #checkChart(tx: EntityManager, { chart }: Release): Promise<void> {
    const bytes = await this.charts.findSize(tx, chart.digest);
    if (bytes === undefined)
      throw invalid(`its chart ${chart.digest} is not here`, `upload it first: PUT /api/v1/charts/${chart.digest}`);
    if (bytes !== chart.bytes) throw invalid(`its chart has ${bytes} bytes, not the ${chart.bytes} that were signed`);
  }
}
