import type { FastifyInstance } from 'fastify';
import { shuttingDown } from '../http/problem.ts';
import type { LifeCycle } from './life-cycle.ts';

/** While the hub stops, new requests on connections that are still open are sent away; those that had begun are answered. */
export function addShutdownRefusal(fastify: FastifyInstance, lifeCycle: LifeCycle): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (lifeCycle.state !== 'draining') {
      done();
      return;
    }
    reply.header('connection', 'close');
    if (['/healthz', '/readyz', '/metrics'].includes(request.url)) done();
    else done(shuttingDown());
  });
}
