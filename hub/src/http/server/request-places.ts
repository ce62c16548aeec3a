import type { FastifyInstance, FastifyRequest } from 'fastify';
import { bearerOf } from '../access.guard.ts';
import { credentialHash } from '../credential.ts';
import { ProblemError } from '../problem.ts';
import { Places, type Claim } from './places.ts';

/** Requests that are being answered at once. More would only wait for the database, and what agents say would wait behind them. */
const MAX_AT_ONCE = { hub: 256, address: 128, caller: 32 };

/** They must be answered always; however many ask at once, it costs the database as much as one. */
const UNCOUNTED: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Sends away, at once and with when to come again, what is more than the hub can answer in good time; one caller cannot take all places.
 * A request takes its place when its body is there, so that nobody holds one by sending slowly. A chart is read with its place taken: of these
 * few go on at once. What goes on for long gives its place back before, by `leavePlace`.
 */
export function addRequestPlaces(fastify: FastifyInstance): void {
  const places = new Places();
  fastify.addHook('preHandler', (request, reply, done) => {
    if (UNCOUNTED.has(request.routeOptions.url ?? '')) {
      done();
      return;
    }
    const leave = places.take(claimsOf(request));
    if (!leave) {
      done(tooMany());
      return;
    }
    request.leavePlace = leave;
    reply.raw.once('close', leave);
    done();
  });
}

function claimsOf(request: FastifyRequest): Claim[] {
  const token = bearerOf(request);
  return [
    { key: 'hub', max: MAX_AT_ONCE.hub },
    { key: `address ${request.ip}`, max: MAX_AT_ONCE.address },
    ...(token === undefined
      ? []
      : [{ key: `caller ${credentialHash(token).toString('base64')}`, max: MAX_AT_ONCE.caller }]),
  ];
}

function tooMany(): ProblemError {
  return new ProblemError('too-many-requests', 'too many requests are being answered at this moment', {
    action: 'wait for some of yours before you send more, and try this one again',
    retryAfterSeconds: 1,
  });
}
