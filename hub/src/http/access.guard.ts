import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { ACCESS, type Access } from './access.ts';
import { CredentialsRepository } from './credentials.repository.ts';
import { isCredential } from './credential.ts';
import { ProblemError } from './problem.ts';

/** The token in `Authorization: Bearer`; undefined when there is none. */
export function bearerOf(request: { headers: { authorization?: string | undefined } }): string | undefined {
  return /^Bearer +([^\s]{1,2000})$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** Finds out who asks, and whether the route is for their role. What they see of it is then up to row-level security. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly credentials: CredentialsRepository,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const access = this.reflector.get<Access | undefined>(ACCESS, context.getHandler());
    if (access === 'public') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const token = bearerOf(request);
    if (token === undefined)
      throw new ProblemError('not-authenticated', 'the request carries no token', {
        action: 'log in (`steward login`, or POST /api/v1/sessions) and send the token as Authorization: Bearer',
      });
    const tenant = isCredential(token) ? await this.credentials.findTenant(token) : undefined;
    if (!tenant)
      throw new ProblemError('not-authenticated', 'the token is not known here, has expired or was revoked', {
        action: 'log in again, or use another API token',
      });
    request.tenant = tenant;
    if (!access?.includes(tenant.role))
      throw new ProblemError('not-allowed', `the role ${tenant.role} may not do this`, {
        action: `it is for: ${access?.join(', ') ?? 'nobody'}`,
      });
    return true;
  }
}
