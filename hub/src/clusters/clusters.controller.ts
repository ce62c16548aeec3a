import { Controller, Delete, Get, Post } from '@nestjs/common';
import {
  Cluster,
  ClusterQuery,
  CreateCluster,
  CreatedCluster,
  CreateEnrolment,
  Enrolment,
  Page,
  PageQuery,
  ReEnrol,
  RejectedRecord,
  type PageOf,
} from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant, VENDOR } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { ClustersService } from './clusters.service.ts';
import { RejectedRecordsService } from './rejected-records.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

@Controller('api/v1/clusters')
export class ClustersController {
  constructor(
    private readonly clusters: ClustersService,
    private readonly rejected: RejectedRecordsService,
  ) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Page(Cluster), { summary: 'clusters and how each is connected' })
  list(@Tenant() context: TenantContext, @DecodedQuery(ClusterQuery) query: ClusterQuery): Promise<PageOf<Cluster>> {
    return this.clusters.list(context, query);
  }

  @Post()
  @Allow('owner', 'support-engineer', 'customer-admin')
  @Answers(CreatedCluster, { status: 201, summary: 'a new cluster with the line that installs its agent' })
  create(@Tenant() context: TenantContext, @DecodedBody(CreateCluster) wanted: CreateCluster): Promise<CreatedCluster> {
    return this.clusters.create(context, wanted);
  }

  @Get(':id')
  @Allow(...ANYONE)
  @Answers(Cluster, { summary: 'one cluster' })
  get(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<Cluster> {
    return this.clusters.get(context, id);
  }

  @Delete(':id')
  @Allow('owner', 'support-engineer')
  @Answers(undefined, { summary: 'removes a cluster that never enrolled, with what was planned for it' })
  delete(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<void> {
    return this.clusters.delete(context, id);
  }

  @Post(':id/enrolment')
  @Allow('owner', 'support-engineer', 'customer-admin')
  @Answers(Enrolment, { status: 201, summary: 'a new install line; earlier unused tokens end' })
  enrol(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedBody(CreateEnrolment) wanted: CreateEnrolment,
  ): Promise<Enrolment> {
    return this.clusters.enrol(context, id, wanted);
  }

  @Post(':id/re-enrolment')
  @Allow('owner', 'support-engineer', 'customer-admin')
  @Answers(Cluster, { summary: 'confirms that the cluster has moved to where a copy of its agent was refused' })
  reEnrol(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedBody(ReEnrol) wanted: ReEnrol,
  ): Promise<Cluster> {
    return this.clusters.reEnrol(context, id, wanted);
  }

  @Post(':id/revoke')
  @Allow('owner', 'support-engineer', 'customer-admin')
  @Answers(Cluster, { summary: 'ends the identity of its agent, at once' })
  revoke(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<Cluster> {
    return this.clusters.revoke(context, id);
  }

  @Get(':id/rejected-records')
  @Allow(...VENDOR)
  @Answers(Page(RejectedRecord), { summary: 'what its agent sent and the hub could not take, newest first' })
  listRejected(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedQuery(PageQuery) query: PageQuery,
  ): Promise<PageOf<RejectedRecord>> {
    return this.rejected.list(context, id, query);
  }
}
