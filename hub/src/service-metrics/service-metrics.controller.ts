import { Controller, Get } from '@nestjs/common';
import { LatestMetrics, MetricRange, MetricRangeQuery } from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { MetricsReaderService } from './metrics-reader.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

@Controller('api/v1/installations')
export class ServiceMetricsController {
  constructor(private readonly reader: MetricsReaderService) {}

  @Get(':id/metrics')
  @Allow(...ANYONE)
  @Answers(LatestMetrics, { summary: 'what its agent measured last' })
  latest(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<LatestMetrics> {
    return this.reader.latest(context, id);
  }

  @Get(':id/metrics/range')
  @Allow(...ANYONE)
  @Answers(MetricRange, { summary: 'one metric over time, in steps' })
  range(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @DecodedQuery(MetricRangeQuery) query: MetricRangeQuery,
  ): Promise<MetricRange> {
    return this.reader.range(context, id, query);
  }
}
