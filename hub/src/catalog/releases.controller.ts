import { Controller, Post, Res } from '@nestjs/common';
import { PublishRelease, ReleaseDetails } from '@steward/shared';
import type { FastifyReply } from 'fastify';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody } from '../http/decoded.ts';
import { ReleasesService } from './releases.service.ts';

@Controller('api/v1/releases')
export class ReleasesController {
  constructor(private readonly releases: ReleasesService) {}

  @Post()
  @Allow('owner', 'release-engineer')
  @Answers(ReleaseDetails, {
    status: 201,
    also: [200],
    summary: 'publishes a signed release; 200 when it is published already',
  })
  async publish(
    @Tenant() context: TenantContext,
    @DecodedBody(PublishRelease) wanted: PublishRelease,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ReleaseDetails> {
    const { details, isNew } = await this.releases.publish(context, wanted);
    if (!isNew) reply.status(200);
    return details;
  }
}
