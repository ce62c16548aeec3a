import { Injectable } from '@nestjs/common';
import type { Channel, CreateService, PageOf, PageQuery, Service } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOfRows } from '../http/newest-first.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { ReleasesRepository } from './releases.repository.ts';
import { ServicesRepository, toChannel } from './services.repository.ts';

@Injectable()
export class ServicesService {
  constructor(
    private readonly database: Database,
    private readonly services: ServicesRepository,
    private readonly releases: ReleasesRepository,
  ) {}

  async list(context: TenantContext, query: PageQuery): Promise<PageOf<Service>> {
    const page = pageRequest(query);
    return pageOf(await this.database.inTenant(context, (tx) => this.services.list(tx, page)), page);
  }

  get(context: TenantContext, slug: string): Promise<Service> {
    return this.database.inTenant(context, (tx) => this.load(tx, slug));
  }

  create(context: TenantContext, wanted: CreateService): Promise<Service> {
    return this.database.inTenant(context, async (tx) => {
      if (!(await this.services.insert(tx, context, wanted)))
        throw new ProblemError('already-exists', `there is a service "${wanted.slug}" already`, {
          action: 'publish to it, or choose another slug',
        });
      return this.load(tx, wanted.slug);
    });
  }

  async listChannels(context: TenantContext, slug: string, query: PageQuery): Promise<PageOf<Channel>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, async (tx) => {
      await this.load(tx, slug);
      return this.services.channels(tx, slug, page);
    });
    return pageOfRows(found, page, toChannel);
  }

  /** Moves a channel, or makes it. Installations follow only when somebody upgrades them. */
  setChannel(
    context: TenantContext,
    { slug, name, version }: { slug: string; name: string; version: string },
  ): Promise<Channel> {
    return this.database.inTenant(context, async (tx) => {
      const serviceId = await this.services.lock(tx, slug);
      if (serviceId === undefined) throw noSuchService(slug);
      const release = await this.releases.find(tx, slug, version);
      if (!release) throw noSuchRelease(slug, version);
      return this.services.setChannel(tx, context, { serviceId, name, releaseId: release.id });
    });
  }

  async load(tx: EntityManager, slug: string): Promise<Service> {
    const found = await this.services.find(tx, slug);
    if (!found) throw noSuchService(slug);
    return found;
  }
}

export function noSuchService(slug: string): ProblemError {
  return new ProblemError('not-found', `there is no service "${slug}"`, {
    action: 'see `steward service list`; the vendor makes one with `steward service create`',
  });
}

export function noSuchRelease(service: string, version: string): ProblemError {
  return new ProblemError('not-found', `the service "${service}" has no release ${version}`, {
    action: `see \`steward release list ${service}\` for those there are`,
  });
}
