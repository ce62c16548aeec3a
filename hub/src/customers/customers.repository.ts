import { Injectable } from '@nestjs/common';
import type { CreateCustomer, Customer } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../db/query.ts';
import { pageClause, type PageRequest } from '../http/page.ts';

interface CustomerRow {
  id: string;
  slug: string;
  name: string;
  createdAt: Date;
}

const COLUMNS = 'id, slug, name, created_at AS "createdAt"';

function toCustomer({ createdAt, ...found }: CustomerRow): Customer {
  return { ...found, createdAt: createdAt.toISOString() };
}

@Injectable()
export class CustomersRepository {
  async list(tx: EntityManager, page: PageRequest): Promise<Customer[]> {
    const { where, tail, parameters } = pageClause(page, 1);
    return (await rows<CustomerRow>(tx, `SELECT ${COLUMNS} FROM customers WHERE ${where} ${tail}`, parameters)).map(
      toCustomer,
    );
  }

  async find(tx: EntityManager, slug: string): Promise<Customer | undefined> {
    const found = await row<CustomerRow>(tx, `SELECT ${COLUMNS} FROM customers WHERE slug = $1`, [slug]);
    return found && toCustomer(found);
  }

  async findById(tx: EntityManager, id: string): Promise<Customer | undefined> {
    const found = await row<CustomerRow>(tx, `SELECT ${COLUMNS} FROM customers WHERE id = $1`, [id]);
    return found && toCustomer(found);
  }

  /** Undefined when the slug is taken. */
  async insert(
    tx: EntityManager,
    organizationId: string,
    { slug, name }: CreateCustomer,
  ): Promise<Customer | undefined> {
    const found = await row<CustomerRow>(
      tx,
      `INSERT INTO customers (organization_id, slug, name) VALUES ($1, $2, $3)
       ON CONFLICT (organization_id, slug) DO NOTHING RETURNING ${COLUMNS}`,
      [organizationId, slug, name],
    );
    return found && toCustomer(found);
  }
}
