import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Metrics } from '../../status/metrics.ts';
import { pathOf } from '../problem.filter.ts';

function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}

/** One wide event and one observation per request. No query, no header, no body: they may hold secrets. */
export function addRequestLog(fastify: FastifyInstance, log: Logger, metrics: Metrics): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    const durationMs = Math.round(reply.elapsedTime * 100) / 100;
    const { method, tenant, problem } = request;
    metrics.observeRequest({ method, route: routeOf(request), status: reply.statusCode, seconds: durationMs / 1000 });
    const level = reply.statusCode >= 500 ? 'error' : 'info';
    log[level](
      {
        requestId: request.id,
        method,
        route: routeOf(request),
        path: pathOf(request),
        status: reply.statusCode,
        durationMs,
        remote: request.ip,
        ...(problem === undefined ? {} : { problem }),
        ...(tenant === undefined
          ? {}
          : {
              organizationId: tenant.organizationId,
              customerId: tenant.customerId,
              role: tenant.role,
              actor: tenant.actor,
            }),
      },
      'request',
    );
    done();
  });
}
