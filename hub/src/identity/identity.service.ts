import { Injectable } from '@nestjs/common';
import type { Identity } from '@steward/shared';
import { CustomersRepository } from '../customers/customers.repository.ts';
import { Database } from '../db/database.ts';
import { row } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { OrganizationsRepository } from '../organizations/organizations.repository.ts';
import { UsersRepository } from '../users/users.repository.ts';

/** Who the caller is, in words. */
@Injectable()
export class IdentityService {
  constructor(
    private readonly database: Database,
    private readonly organizations: OrganizationsRepository,
    private readonly customers: CustomersRepository,
    private readonly users: UsersRepository,
  ) {}

  load(context: TenantContext): Promise<Identity> {
    const { role, userId, customerId, tokenId } = context;
    return this.database.inTenant(context, async (tx) => {
      const organization = await this.organizations.load(tx);
      const user = userId === undefined ? undefined : await this.users.find(tx, userId);
      const customer = customerId === undefined ? undefined : await this.customers.findById(tx, customerId);
      const token =
        tokenId === undefined
          ? undefined
          : await row<{ name: string }>(tx, 'SELECT name FROM api_tokens WHERE id = $1', [tokenId]);
      return {
        organization,
        role,
        ...(user ? { user } : {}),
        ...(customer ? { customer } : {}),
        ...(token ? { tokenName: token.name } : {}),
      };
    });
  }
}
