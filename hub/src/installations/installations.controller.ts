import { Controller, Get, Post } from '@nestjs/common';
import {
  CreatedGrant,
  CreatedInstallation,
  CreateInstallation,
  IDEMPOTENCY_KEY_HEADER,
  Installation,
  InstallationEvent,
  InstallationQuery,
  Page,
  PageQuery,
  type PageOf,
} from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery, NotedHeader } from '../http/decoded.ts';
import { IdempotencyKey } from '../operations/idempotency.repository.ts';
import { TraceParent } from '../telemetry/trace-context.ts';
import { InstallationsReaderService } from './installations-reader.service.ts';
import { InstallationsService } from './installations.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

@Controller('api/v1/installations')
export class InstallationsController {
  constructor(
    private readonly reader: InstallationsReaderService,
    private readonly installations: InstallationsService,
  ) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Page(Installation), { summary: 'installations, without removed ones unless asked for' })
  list(
    @Tenant() context: TenantContext,
    @DecodedQuery(InstallationQuery) query: InstallationQuery,
  ): Promise<PageOf<Installation>> {
    return this.reader.list(context, query);
  }

  @Post()
  @Allow('owner', 'release-engineer', 'support-engineer', 'customer-admin')
  @Answers(CreatedInstallation, { status: 201, summary: 'a new installation, and the line that gives it its rights' })
  create(
    @Tenant() context: TenantContext,
    @DecodedBody(CreateInstallation) wanted: CreateInstallation,
    @NotedHeader(IDEMPOTENCY_KEY_HEADER, IdempotencyKey) idempotencyKey: string | undefined,
    @NotedHeader('traceparent', TraceParent) traceparent: string | undefined,
  ): Promise<CreatedInstallation> {
    return this.installations.create(context, { wanted, idempotencyKey, traceparent });
  }

  @Get(':id')
  @Allow(...ANYONE)
  @Answers(Installation, { summary: 'one installation' })
  get(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<Installation> {
    return this.reader.get(context, id);
  }

  @Post(':id/grant')
  @Allow('owner', 'release-engineer', 'support-engineer', 'customer-admin')
  @Answers(CreatedGrant, { status: 201, summary: 'a new line with the rights that the wanted release needs' })
  grant(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<CreatedGrant> {
    return this.reader.grant(context, id);
  }

  @Get(':id/events')
  @Allow(...ANYONE)
  @Answers(Page(InstallationEvent), { summary: 'what its agent told of it, newest first' })
  events(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedQuery(PageQuery) query: PageQuery,
  ): Promise<PageOf<InstallationEvent>> {
    return this.reader.listEvents(context, id, query);
  }
}
