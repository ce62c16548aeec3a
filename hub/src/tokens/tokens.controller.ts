import { Controller, Delete, Get, Post } from '@nestjs/common';
import { ApiToken, CreateApiToken, CreatedApiToken, Page, PageQuery, type PageOf, type Role } from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { TokensService } from './tokens.service.ts';

const ById = Type.Object({ id: Type.String({ format: 'uuid' }) });
const KEEPERS: readonly Role[] = ['owner', 'release-engineer', 'support-engineer', 'customer-admin'];

@Controller('api/v1/tokens')
export class TokensController {
  constructor(private readonly tokens: TokensService) {}

  @Get()
  @Allow(...KEEPERS)
  @Answers(Page(ApiToken), { summary: 'API tokens, without the secrets; a customer sees its own' })
  list(@Tenant() context: TenantContext, @DecodedQuery(PageQuery) query: PageQuery): Promise<PageOf<ApiToken>> {
    return this.tokens.list(context, query);
  }

  @Post()
  @Allow(...KEEPERS)
  @Answers(CreatedApiToken, { status: 201, summary: 'a new API token, shown once' })
  create(
    @Tenant() context: TenantContext,
    @DecodedBody(CreateApiToken) wanted: CreateApiToken,
  ): Promise<CreatedApiToken> {
    return this.tokens.create(context, wanted);
  }

  @Delete(':id')
  @Allow(...KEEPERS)
  @Answers(undefined, { summary: 'revoke a token, at once' })
  delete(@Tenant() context: TenantContext, @DecodedParameters(ById) { id }: { id: string }): Promise<void> {
    return this.tokens.delete(context, id);
  }
}
