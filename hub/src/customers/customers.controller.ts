import { Controller, Get, Post } from '@nestjs/common';
import { CreateCustomer, Customer, Page, PageQuery, Slug, type PageOf } from '@steward/shared';
import * as Type from 'typebox';
import type { TenantContext } from '../db/tenant-context.ts';
import { Allow, ANYONE, Tenant } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { DecodedBody, DecodedParameters, DecodedQuery } from '../http/decoded.ts';
import { CustomersService } from './customers.service.ts';

const BySlug = Type.Object({ slug: Slug });

@Controller('api/v1/customers')
export class CustomersController {
  constructor(private readonly customers: CustomersService) {}

  @Get()
  @Allow(...ANYONE)
  @Answers(Page(Customer), { summary: 'customers; a customer sees itself' })
  list(@Tenant() context: TenantContext, @DecodedQuery(PageQuery) query: PageQuery): Promise<PageOf<Customer>> {
    return this.customers.list(context, query);
  }

  @Post()
  @Allow('owner', 'support-engineer')
  @Answers(Customer, { status: 201, summary: 'a new customer' })
  create(@Tenant() context: TenantContext, @DecodedBody(CreateCustomer) wanted: CreateCustomer): Promise<Customer> {
    return this.customers.create(context, wanted);
  }

  @Get(':slug')
  @Allow(...ANYONE)
  @Answers(Customer, { summary: 'one customer' })
  get(@Tenant() context: TenantContext, @DecodedParameters(BySlug) { slug }: { slug: string }): Promise<Customer> {
    return this.customers.get(context, slug);
  }
}
