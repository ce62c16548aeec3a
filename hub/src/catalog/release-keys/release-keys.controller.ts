import { Controller, Get, Post } from '@nestjs/common';
import { CreateTrustedKey, Page, PageQuery, TrustedKey, type PageOf } from '@steward/shared';
import type { TenantContext } from '../../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../../http/access.ts';
import { Answers } from '../../http/answers.ts';
import { DecodedBody, DecodedQuery } from '../../http/decoded.ts';
import { ReleaseKeysService } from './release-keys.service.ts';

@Controller('api/v1/release-keys')
export class ReleaseKeysController {
  constructor(private readonly keys: ReleaseKeysService) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Page(TrustedKey), { summary: 'the release keys that installations of this vendor trust' })
  list(@Tenant() context: TenantContext, @DecodedQuery(PageQuery) query: PageQuery): Promise<PageOf<TrustedKey>> {
    return this.keys.list(context, query);
  }

  @Post()
  @Allow('owner')
  @Answers(TrustedKey, {
    status: 201,
    summary: 'trusts another release key, for clusters that are enrolled from now on',
  })
  create(
    @Tenant() context: TenantContext,
    @DecodedBody(CreateTrustedKey) wanted: CreateTrustedKey,
  ): Promise<TrustedKey> {
    return this.keys.create(context, wanted);
  }
}
