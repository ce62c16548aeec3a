import { Injectable } from '@nestjs/common';
import type { CreatedUser, CreateUser, NewPassword, PageOf, PageQuery, User } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { CustomersService } from '../customers/customers.service.ts';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { customerFor } from './customer-for.ts';
import { Passwords } from './passwords.ts';
import { canHandOut } from './role-rules.ts';
import { UsersRepository } from './users.repository.ts';

@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly customers: CustomersService,
    private readonly passwords: Passwords,
  ) {}

  async list(context: TenantContext, query: PageQuery): Promise<PageOf<User>> {
    const page = pageRequest(query);
    return pageOf(await this.database.inTenant(context, (tx) => this.users.list(tx, page)), page);
  }

  get(context: TenantContext, id: string): Promise<User> {
    return this.database.inTenant(context, async (tx) => {
      const found = await this.users.find(tx, id);
      if (!found) throw noSuchUser();
      return found;
    });
  }

  async create(context: TenantContext, wanted: CreateUser): Promise<CreatedUser> {
    const generated = wanted.password === undefined ? this.passwords.generate() : undefined;
    const customerId = await this.database.inTenant(context, (tx) =>
      customerFor(context, wanted, (slug) => this.customers.load(tx, slug)),
    );
    const passwordHash = await this.passwords.hash(wanted.password ?? generated ?? '');
    const { email, name, role } = wanted;
    const { organizationId } = context;
    const made = await this.database.inTenant(context, (tx) =>
      this.users.insert(tx, {
        organizationId,
        email,
        name,
        role,
        passwordHash,
        ...(customerId === undefined ? {} : { customerId }),
      }),
    );
    if (!made)
      throw new ProblemError('already-exists', `there is a user ${email} already`, {
        action: 'remove that user first, or use another address',
      });
    return generated === undefined ? made : { ...made, password: generated };
  }

  /** One's own is changed with the old one: who has got hold of a session must not get the account with it. */
  async renewPassword(context: TenantContext, id: string): Promise<NewPassword> {
    if (id === context.userId)
      throw new ProblemError('invalid-request', 'this is you: your own password is changed with the old one', {
        action: 'use `steward user password` without an address (PUT /api/v1/me/password)',
      });
    const password = this.passwords.generate();
    const passwordHash = await this.passwords.hash(password);
    await this.database.inTenant(context, async (tx) => {
      await this.#handedOut(tx, context, id, 'give a new password to');
      if (!(await this.users.setPassword(tx, id, passwordHash))) throw noSuchUser();
    });
    return { password };
  }

  /** One that the caller could have made. */
  async #handedOut(tx: EntityManager, context: TenantContext, id: string, what: string): Promise<User> {
    const found = await this.users.find(tx, id);
    if (!found) throw noSuchUser();
    if (canHandOut(context.role, found.role)) return found;
    const text = `the role ${context.role} may not ${what} a user with the role ${found.role}`;
    throw new ProblemError('not-allowed', text, { action: 'ask an owner' });
  }

  async delete(context: TenantContext, id: string): Promise<void> {
    await this.database.inTenant(context, async (tx) => {
      const found = await this.#handedOut(tx, context, id, 'remove');
      if (found.role === 'owner' && (await this.users.countOwners(tx)) < 2)
        throw new ProblemError('conflict', `${found.email} is the last owner`, { action: 'make another owner first' });
      await this.users.delete(tx, id);
    });
  }
}

function noSuchUser(): ProblemError {
  return new ProblemError('not-found', 'there is no such user', {
    action: 'see GET /api/v1/users for those there are',
  });
}
