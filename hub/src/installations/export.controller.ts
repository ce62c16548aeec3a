import { Controller, Get, Res } from '@nestjs/common';
import { InstallationExport } from '@steward/shared';
import type { FastifyReply } from 'fastify';
import * as Type from 'typebox';
import { ChartPlaces } from '../agents/chart-places.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedParameters } from '../http/decoded.ts';
import { ExportService } from './export.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

/** The way out: a customer who can see an installation can take it along. */
@Controller('api/v1/installations')
export class ExportController {
  readonly #charts = new ChartPlaces();

  constructor(private readonly exports: ExportService) {}

  @Get(':id/export')
  @Allow(...ANYONE)
  @Answers(InstallationExport, { summary: 'what plain Helm needs to go on with what runs' })
  export(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
  ): Promise<InstallationExport> {
    return this.exports.load(context, id);
  }

  @Get(':id/chart')
  @Allow(...ANYONE)
  @Answers(Type.String(), { contentType: 'application/octet-stream', summary: 'the packed chart of what runs' })
  async chart(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.#charts.take(reply.raw, id);
    await reply.type('application/octet-stream').send(await this.exports.loadChart(context, id));
  }
}
