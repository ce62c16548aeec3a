import { Injectable } from '@nestjs/common';
import type { CreateCustomer, Customer, PageOf, PageQuery } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { CustomersRepository } from './customers.repository.ts';

@Injectable()
export class CustomersService {
  constructor(
    private readonly database: Database,
    private readonly customers: CustomersRepository,
  ) {}

  async list(context: TenantContext, query: PageQuery): Promise<PageOf<Customer>> {
    const page = pageRequest(query);
    return pageOf(await this.database.inTenant(context, (tx) => this.customers.list(tx, page)), page);
  }

  create(context: TenantContext, wanted: CreateCustomer): Promise<Customer> {
    return this.database.inTenant(context, async (tx) => {
      const made = await this.customers.insert(tx, context.organizationId, wanted);
      if (!made)
        throw new ProblemError('already-exists', `there is a customer "${wanted.slug}" already`, {
          action: 'choose another slug',
        });
      return made;
    });
  }

  get(context: TenantContext, slug: string): Promise<Customer> {
    return this.database.inTenant(context, (tx) => this.load(tx, slug));
  }

  /** In the caller's transaction. @throws ProblemError `not-found`, also for a customer that the caller must not know of */
  async load(tx: EntityManager, slug: string): Promise<Customer> {
    const found = await this.customers.find(tx, slug);
    if (!found)
      throw new ProblemError('not-found', `there is no customer "${slug}"`, {
        action: 'see `steward customer list` for those there are',
      });
    return found;
  }
}
