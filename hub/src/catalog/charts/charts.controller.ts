import { Controller, Put } from '@nestjs/common';
import { Digest, StoredChart } from '@steward/shared';
import { Readable } from 'node:stream';
import * as Type from 'typebox';
import type { TenantContext } from '../../db/tenant-context.ts';
import { Allow, Tenant } from '../../http/access.ts';
import { Answers } from '../../http/answers.ts';
import { DecodedParameters, RawBody, type RawContent } from '../../http/decoded.ts';
import { ChartsService } from './charts.service.ts';

const ByDigest = Type.Object({ digest: Digest });
const PACKED_CHART: RawContent = {
  what: 'the packed chart',
  contentTypes: ['application/octet-stream', 'application/gzip'],
};

@Controller('api/v1/charts')
export class ChartsController {
  constructor(private readonly charts: ChartsService) {}

  @Put(':digest')
  @Allow('owner', 'release-engineer')
  @Answers(StoredChart, { summary: 'uploads a packed chart under its digest' })
  store(
    @Tenant() context: TenantContext,
    @DecodedParameters(ByDigest) { digest }: { digest: string },
    @RawBody(PACKED_CHART) body: Readable,
  ): Promise<StoredChart> {
    return this.charts.store(context, digest, body);
  }
}
