import { Injectable } from '@nestjs/common';
import type { ApiToken, CreateApiToken, CreatedApiToken, PageOf, PageQuery } from '@steward/shared';
import { CustomersService } from '../customers/customers.service.ts';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { createCredential, credentialHash } from '../http/credential.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { customerFor } from '../users/customer-for.ts';
import { canHandOut } from '../users/role-rules.ts';
import { TokensRepository } from './tokens.repository.ts';

/** API tokens act for the organization or customer, and end with the person who made them; so do those that such a token made. */
@Injectable()
export class TokensService {
  constructor(
    private readonly database: Database,
    private readonly tokens: TokensRepository,
    private readonly customers: CustomersService,
  ) {}

  async list(context: TenantContext, query: PageQuery): Promise<PageOf<ApiToken>> {
    const page = pageRequest(query);
    return pageOf(await this.database.inTenant(context, (tx) => this.tokens.list(tx, page)), page);
  }

  create(context: TenantContext, wanted: CreateApiToken): Promise<CreatedApiToken> {
    const { name, role, expiresInDays } = wanted;
    const { userId, tokenId, actor } = context;
    const maker = { ...(userId !== undefined && { userId }), ...(tokenId !== undefined && { tokenId }) };
    const token = createCredential('token');
    return this.database.inTenant(context, async (tx) => {
      const customerId = await customerFor(context, wanted, (slug) => this.customers.load(tx, slug));
      const made = await this.tokens.insert(tx, {
        organizationId: context.organizationId,
        name,
        role,
        tokenHash: credentialHash(token),
        createdBy: actor,
        maker,
        ...(customerId === undefined ? {} : { customerId }),
        ...(expiresInDays === undefined ? {} : { expiresAt: new Date(Date.now() + expiresInDays * 86_400_000) }),
      });
      if (!made)
        throw new ProblemError('not-authenticated', 'you, or the token that you use, were removed at this moment', {
          action: 'log in again, or use another API token',
        });
      return { ...made, token };
    });
  }

  async delete(context: TenantContext, id: string): Promise<void> {
    await this.database.inTenant(context, async (tx) => {
      const found = await this.tokens.find(tx, id);
      if (!found)
        throw new ProblemError('not-found', 'there is no such token', {
          action: 'see GET /api/v1/tokens for those there are',
        });
      if (!canHandOut(context.role, found.role))
        throw new ProblemError(
          'not-allowed',
          `the role ${context.role} may not revoke a token with the role ${found.role}`,
        );
      await this.tokens.delete(tx, id);
    });
  }
}
