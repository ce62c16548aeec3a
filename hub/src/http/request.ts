import type { ProblemCode } from '@steward/shared';
import type { TenantContext } from '../db/tenant-context.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the access guard on every route that is not public. */
    tenant?: TenantContext;
    /** Which problem the request was answered with, for the log. */
    problem?: ProblemCode;
    /** Gives back the place among the requests that are answered at once, before the answer has ended; safe twice. */
    leavePlace?: () => void;
  }
}
