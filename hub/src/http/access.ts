import { createParamDecorator, SetMetadata, type ExecutionContext } from '@nestjs/common';
import { ROLES, type Role } from '@steward/shared';
import type { FastifyRequest } from 'fastify';
import type { TenantContext } from '../db/tenant-context.ts';
import './request.ts';

export const ACCESS = Symbol('access');

/** `public`: no session is asked for; the route checks for itself whatever it needs. */
export type Access = readonly Role[] | 'public';

/** Every role of the vendor and of customers. */
export const ANYONE: readonly Role[] = ROLES;
export const VENDOR: readonly Role[] = ['owner', 'release-engineer', 'support-engineer', 'viewer'];

/** Which roles may use a route. Every route has this or {@link Public}; the hub does not start otherwise. */
export function Allow(...roles: readonly Role[]): MethodDecorator {
  return SetMetadata(ACCESS, roles satisfies Access);
}

/** A route without a session: log-in, health, the agent's side, which authenticates in its own way. */
export function Public(): MethodDecorator {
  return SetMetadata(ACCESS, 'public' satisfies Access);
}

/** The caller's {@link TenantContext}. Only on routes with {@link Allow}. */
export const Tenant = createParamDecorator((_data: unknown, context: ExecutionContext): TenantContext => {
  const { tenant } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!tenant) throw new Error('@Tenant() on a public route');
  return tenant;
});
