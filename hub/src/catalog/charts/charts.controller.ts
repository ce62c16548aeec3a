import { Controller, Put, Req } from '@nestjs/common';
import { Digest, StoredChart } from '@steward/shared';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import * as Type from 'typebox';
import type { TenantContext } from '../../db/tenant-context.ts';
import { Allow, Tenant } from '../../http/access.ts';
import { Answers } from '../../http/answers.ts';
import { DecodedParameters } from '../../http/decoded.ts';
import { ProblemError } from '../../http/problem.ts';
import { ChartsService } from './charts.service.ts';

const ByDigest = Type.Object({ digest: Digest });

@Controller('api/v1/charts')
export class ChartsController {
  constructor(private readonly charts: ChartsService) {}

  @Put(':digest')
  @Allow('owner', 'release-engineer')
  @Answers(StoredChart, { summary: 'uploads a packed chart (application/octet-stream) under its digest' })
  store(
    @Tenant() context: TenantContext,
    @DecodedParameters(ByDigest) { digest }: { digest: string },
    @Req() request: FastifyRequest,
  ): Promise<StoredChart> {
    if (!(request.body instanceof Readable))
      throw new ProblemError('invalid-request', 'the body must be the packed chart', {
        action: 'send it with content-type: application/octet-stream',
      });
    return this.charts.store(context, digest, request.body);
  }
}
