import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { sendProblem } from '../http/problem.filter.ts';
import { LOGGER } from '../log.ts';
import { kubectlProblem } from './kubectl-problem.ts';

/** Refuses those whose answer goes straight into kubectl. */
@Catch()
export class KubectlProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const exchange = { request: http.getRequest<FastifyRequest>(), reply: http.getResponse<FastifyReply>() };
    sendProblem(error, exchange, this.log, kubectlProblem);
  }
}
