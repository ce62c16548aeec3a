import { Controller, Delete, Get, Post, Put, Req } from '@nestjs/common';
import { ChangePassword, Identity, Login, Session } from '@steward/shared';
import type { FastifyRequest } from 'fastify';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Public, Tenant } from '../http/access.ts';
import { bearerOf } from '../http/access.guard.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody } from '../http/decoded.ts';
import { IdentityService } from './identity.service.ts';
import { OwnPasswordService } from './own-password.service.ts';
import { SessionsService } from './sessions.service.ts';

@Controller('api/v1')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly identity: IdentityService,
    private readonly ownPassword: OwnPasswordService,
  ) {}

  @Post('sessions')
  @Public()
  @Answers(Session, { status: 201, summary: 'log in; the token is shown once' })
  logIn(@DecodedBody(Login) login: Login, @Req() request: FastifyRequest): Promise<Session> {
    return this.sessions.logIn(login, request.ip);
  }

  @Delete('sessions/current')
  @Allow(...ANYONE)
  @Answers(undefined, { summary: 'log out' })
  logOut(@Tenant() context: TenantContext, @Req() request: FastifyRequest): Promise<void> {
    return this.sessions.logOut(context, bearerOf(request) ?? '');
  }

  @Get('me')
  @Allow(...ANYONE)
  @Answers(Identity, { summary: 'who the caller is' })
  me(@Tenant() context: TenantContext): Promise<Identity> {
    return this.identity.load(context);
  }

  @Put('me/password')
  @Allow(...ANYONE)
  @Answers(undefined, { summary: 'change your own password; your other sessions end' })
  changePassword(
    @Tenant() context: TenantContext,
    @DecodedBody(ChangePassword) wanted: ChangePassword,
    @Req() request: FastifyRequest,
  ): Promise<void> {
    return this.ownPassword.change(context, wanted, bearerOf(request) ?? '');
  }
}
