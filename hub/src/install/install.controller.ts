import { Controller, Get, Req, Res, UseFilters } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { bearerOf } from '../http/access.guard.ts';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedParameters } from '../http/decoded.ts';
import { KubectlProblemFilter } from './kubectl-problem.filter.ts';
import { InstallService } from './install.service.ts';

const YAML = 'application/yaml';
const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

/** For curl: a token of one purpose instead of a session, in the header and never in the address. */
@Controller('install/v1')
@UseFilters(KubectlProblemFilter)
export class InstallController {
  constructor(private readonly install: InstallService) {}

  @Get('agent')
  @Public()
  @Answers(Type.String(), { contentType: YAML, summary: "the agent's manifest; as JSON its parts (InstallKit)" })
  async agent(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const token = bearerOf(request);
    const wantsParts = request.headers.accept?.includes('application/json') ?? false;
    void reply.header('cache-control', 'no-store');
    if (wantsParts) await reply.send(await this.install.agentKit(token));
    else await reply.type(YAML).send(await this.install.agentYaml(token));
  }

  @Get('grants/:id')
  @Public()
  @Answers(Type.String(), { contentType: YAML, summary: "one installation's namespace and rights" })
  async grant(
    @DecodedParameters(ById) { id }: { id: string },
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const yaml = await this.install.grantYaml(id, bearerOf(request));
    await reply.header('cache-control', 'no-store').type(YAML).send(yaml);
  }
}
