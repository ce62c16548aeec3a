import { Controller, Delete, Get, Post } from '@nestjs/common';
import { CreatedUser, CreateUser, NewPassword, Page, PageQuery, User, type PageOf } from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, Tenant, VENDOR } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { UsersService } from './users.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });

@Controller('api/v1/users')
export class UsersController {
  constructor(private readonly users: UsersService) {}

  @Get()
  @Allow(...VENDOR, 'customer-admin')
  @Answers(Page(User), { summary: 'users; a customer sees its own' })
  list(@Tenant() context: TenantContext, @DecodedQuery(PageQuery) query: PageQuery): Promise<PageOf<User>> {
    return this.users.list(context, query);
  }

  @Post()
  @Allow('owner', 'customer-admin')
  @Answers(CreatedUser, { status: 201, summary: 'a new user; a generated password is shown once' })
  create(@Tenant() context: TenantContext, @DecodedBody(CreateUser) wanted: CreateUser): Promise<CreatedUser> {
    return this.users.create(context, wanted);
  }

  @Get(':id')
  @Allow(...VENDOR, 'customer-admin')
  @Answers(User, { summary: 'one user' })
  get(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<User> {
    return this.users.get(context, id);
  }

  @Post(':id/password')
  @Allow('owner', 'customer-admin')
  @Answers(NewPassword, {
    status: 201,
    summary: 'a new password for somebody else, shown once; ends all of their sessions',
  })
  renewPassword(
    @Tenant() context: TenantContext,
    @DecodedParameters(ById) { id }: { id: string },
  ): Promise<NewPassword> {
    return this.users.renewPassword(context, id);
  }

  @Delete(':id')
  @Allow('owner', 'customer-admin')
  @Answers(undefined, { summary: 'remove a user; its sessions, feeds and the API tokens that it made end' })
  delete(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<void> {
    return this.users.delete(context, id);
  }
}
