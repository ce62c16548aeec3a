import { Injectable } from '@nestjs/common';
import type {
  CreatedGrant,
  Installation,
  InstallationEvent,
  InstallationQuery,
  PageOf,
  PageQuery,
} from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOfRows } from '../http/newest-first.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { GrantsService } from './grants.service.ts';
import { InstallationEventsRepository, toEvent } from './installation-events.repository.ts';
import { toInstallation } from './installation-row.ts';
import { InstallationsRepository } from './installations.repository.ts';

@Injectable()
export class InstallationsReaderService {
  constructor(
    private readonly database: Database,
    private readonly installations: InstallationsRepository,
    private readonly events: InstallationEventsRepository,
    private readonly grants: GrantsService,
  ) {}

  async list(context: TenantContext, query: InstallationQuery): Promise<PageOf<Installation>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, (tx) => this.installations.list(tx, query, page));
    return pageOf(found.map(toInstallation), page);
  }

  get(context: TenantContext, id: string): Promise<Installation> {
    return this.database.inTenant(context, async (tx) => toInstallation(await this.installations.load(tx, id)));
  }

  async listEvents(context: TenantContext, id: string, query: PageQuery): Promise<PageOf<InstallationEvent>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, async (tx) => {
      await this.installations.load(tx, id);
      return this.events.list(tx, id, page);
    });
    return pageOfRows(found, page, toEvent);
  }

  /** A new grant line; earlier ones stay good until they expire. */
  grant(context: TenantContext, id: string): Promise<CreatedGrant> {
    return this.database.inTenant(context, async (tx) =>
      this.grants.create(tx, context, await this.installations.load(tx, id)),
    );
  }
}
