import { Controller, Get, Header, Res } from '@nestjs/common';
import { PRODUCT_VERSION } from '@steward/shared';
import type { FastifyReply } from 'fastify';
import * as Type from 'typebox';
import { Database } from '../db/database.ts';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { joined } from '../joined.ts';
import { LifeCycle } from './life-cycle.ts';
import { Metrics } from './metrics.ts';

const Health = Type.Object({ status: Type.String(), version: Type.String() });
const Readiness = Type.Object({ status: Type.String(), problems: Type.Array(Type.String()) });

/** Anybody may ask, and as often as they like: however many ask at once, the database is asked once. */
@Controller()
export class StatusController {
  readonly #problem = joined(() => this.database.problem());
  readonly #page = joined(() => this.metrics.registry.metrics());

  constructor(
    private readonly database: Database,
    private readonly lifeCycle: LifeCycle,
    private readonly metrics: Metrics,
  ) {}

  @Get('healthz')
  @Public()
  @Answers(Health, { summary: 'the process lives; nothing is said about its database' })
  health(): { status: string; version: string } {
    return { status: 'ok', version: PRODUCT_VERSION };
  }

  @Get('readyz')
  @Public()
  @Answers(Readiness, { summary: 'whether requests can be served: database, migrations, not shutting down' })
  async readiness(@Res() reply: FastifyReply): Promise<void> {
    const database = await this.#problem();
    const problems = database === undefined ? [] : [database];
    if (this.lifeCycle.state !== 'ready') problems.push(`the hub is ${this.lifeCycle.state}`);
    const isReady = problems.length === 0;
    await reply.status(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not-ready', problems });
  }

  @Get('metrics')
  @Public()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @Answers(Type.String(), { summary: 'Prometheus text format', contentType: 'text/plain' })
  scrape(): Promise<string> {
    return this.#page();
  }
}
