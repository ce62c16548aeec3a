import { Controller, Get, Req, Res } from '@nestjs/common';
import { Digest, ReleaseEnvelope } from '@steward/shared';
import type { FastifyReply, FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { Database } from '../db/database.ts';
import { bearerOf } from '../http/access.guard.ts';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedParameters } from '../http/decoded.ts';
import { ProblemError } from '../http/problem.ts';
import { AgentAuthenticatorService } from './agent-authenticator.service.ts';
import { AgentsRepository } from './agents.repository.ts';
import { ChartPlaces } from './chart-places.ts';

const ByDigest = Type.Object({ digest: Digest });

function nothingSuch(digest: string): ProblemError {
  return new ProblemError('not-found', `no installation of this cluster refers to ${digest}`);
}

/** What agents fetch, by their connect token: only what an installation of their own cluster refers to, older generations included. */
@Controller('agent/v1')
export class DownloadsController {
  readonly #charts = new ChartPlaces();

  constructor(
    private readonly authenticator: AgentAuthenticatorService,
    private readonly database: Database,
    private readonly agents: AgentsRepository,
  ) {}

  @Get('releases/:digest')
  @Public()
  @Answers(ReleaseEnvelope, { summary: 'a signed release, as it was published; for agents' })
  async release(
    @DecodedParameters(ByDigest) { digest }: { digest: string },
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agent } = await this.authenticator.prove(bearerOf(request));
    const found = await this.database.asSystem((tx) => this.agents.findRelease(tx, agent.clusterId, digest));
    if (found === undefined) throw nothingSuch(digest);
    await reply.type('application/json').send(found);
  }

  @Get('charts/:digest')
  @Public()
  @Answers(Type.String(), { contentType: 'application/octet-stream', summary: 'a packed chart; for agents' })
  async chart(
    @DecodedParameters(ByDigest) { digest }: { digest: string },
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const { agent } = await this.authenticator.prove(bearerOf(request));
    this.#charts.take(reply.raw, agent.clusterId);
    const found = await this.database.asSystem((tx) => this.agents.findChart(tx, agent.clusterId, digest));
    if (found === undefined) throw nothingSuch(digest);
    await reply.type('application/octet-stream').send(found);
  }
}
