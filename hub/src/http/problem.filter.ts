import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Problem } from '@steward/shared';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { LOGGER } from '../log.ts';
import { problemAnswer } from './problem.ts';

/**
 * Answers with the problem. An answer that has begun is cut off instead.
 * @param shape what is to be added to the body for special readers
 */
export function sendProblem(
  error: unknown,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
  log: Logger,
  shape: (problem: Problem) => Problem = (problem) => problem,
): void {
  const answer = problemAnswer(error, { id: request.id, path: pathOf(request) });
  if (answer.isBug) log.error({ err: error, requestId: request.id }, 'an unexpected error while answering a request');
  request.problem = answer.code;
  if (reply.sent || reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  void reply
    .status(answer.status)
    .headers(answer.headers)
    .send(JSON.stringify(shape(answer.body)));
}

/** The path without the query, which may hold what must not be kept. */
export function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '/';
}

/** The one place where errors become answers. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly log: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const exchange = { request: http.getRequest<FastifyRequest>(), reply: http.getResponse<FastifyReply>() };
    sendProblem(error, exchange, this.log);
  }
}
