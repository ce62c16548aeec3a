import { Controller, Get, Post, Put } from '@nestjs/common';
import {
  Channel,
  CreateService,
  Page,
  PageQuery,
  ReleaseDetails,
  ReleaseSummary,
  Service,
  SetChannel,
  Slug,
  Version,
  type PageOf,
} from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { ReleasesService } from './releases.service.ts';
import { ServicesService } from './services.service.ts';

const BySlug = Type.Object({ slug: Slug });
const ByVersion = Type.Object({ slug: Slug, version: Version });
const ByChannel = Type.Object({ slug: Slug, channel: Slug });

@Controller('api/v1/services')
export class ServicesController {
  constructor(
    private readonly services: ServicesService,
    private readonly releases: ReleasesService,
  ) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Page(Service), { summary: 'the catalog' })
  list(@Tenant() context: TenantContext, @DecodedQuery(PageQuery) query: PageQuery): Promise<PageOf<Service>> {
    return this.services.list(context, query);
  }

  @Post()
  @Allow('owner', 'release-engineer')
  @Answers(Service, { status: 201, summary: 'a new service, to which releases can be published' })
  create(@Tenant() context: TenantContext, @DecodedBody(CreateService) wanted: CreateService): Promise<Service> {
    return this.services.create(context, wanted);
  }

  @Get(':slug')
  @Allow(...ANYONE)
  @Answers(Service, { summary: 'one service with its channels' })
  get(@Tenant() context: TenantContext, @DecodedParameters(BySlug) { slug }: { slug: string }): Promise<Service> {
    return this.services.get(context, slug);
  }

  @Get(':slug/releases')
  @Allow(...ANYONE)
  @Answers(Page(ReleaseSummary), { summary: 'releases of a service, newest first' })
  listReleases(
    @Tenant() context: TenantContext,
    @DecodedParameters(BySlug) { slug }: { slug: string },
    @DecodedQuery(PageQuery) query: PageQuery,
  ): Promise<PageOf<ReleaseSummary>> {
    return this.releases.list(context, slug, query);
  }

  @Get(':slug/releases/:version')
  @Allow(...ANYONE)
  @Answers(ReleaseDetails, { summary: 'one release with what was signed' })
  getRelease(
    @Tenant() context: TenantContext,
    @DecodedParameters(ByVersion) { slug, version }: { slug: string; version: string },
  ): Promise<ReleaseDetails> {
    return this.releases.get(context, slug, version);
  }

  @Get(':slug/channels')
  @Allow(...ANYONE)
  @Answers(Page(Channel), { summary: 'channels of a service and the release each points to' })
  listChannels(
    @Tenant() context: TenantContext,
    @DecodedParameters(BySlug) { slug }: { slug: string },
    @DecodedQuery(PageQuery) query: PageQuery,
  ): Promise<PageOf<Channel>> {
    return this.services.listChannels(context, slug, query);
  }

  @Put(':slug/channels/:channel')
  @Allow('owner', 'release-engineer')
  @Answers(Channel, { summary: 'points a channel to a release; makes the channel when there is none' })
  setChannel(
    @Tenant() context: TenantContext,
    @DecodedParameters(ByChannel) { slug, channel }: { slug: string; channel: string },
    @DecodedBody(SetChannel) { version }: SetChannel,
  ): Promise<Channel> {
    return this.services.setChannel(context, { slug, name: channel, version });
  }
}
