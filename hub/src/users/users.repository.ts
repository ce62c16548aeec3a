import { Injectable } from '@nestjs/common';
import type { Role, User } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';
import { pageClause, type PageRequest } from '../http/page.ts';

interface UserRow {
  id: string;
  email: string;
  name: string;
  role: Role;
  customerId: string | null;
  createdAt: Date;
}

export interface NewUser {
  organizationId: string;
  customerId?: string;
  email: string;
  name: string;
  role: Role;
  passwordHash: string;
}

export interface LoginCandidate {
  user: User;
  passwordHash: string;
}

export interface OwnerOfOrganization {
  id: string;
  email: string;
  /** Slug. */
  organization: string;
}

const COLUMNS = 'id, email, name, role, customer_id AS "customerId", created_at AS "createdAt"';

function toUser({ id, email, name, role, customerId, createdAt }: UserRow): User {
  return { id, email, name, role, ...(customerId === null ? {} : { customerId }), createdAt: createdAt.toISOString() };
}

@Injectable()
export class UsersRepository {
  async list(tx: EntityManager, page: PageRequest): Promise<User[]> {
    const { where, tail, parameters } = pageClause(page, 1);
    return (await rows<UserRow>(tx, `SELECT ${COLUMNS} FROM users WHERE ${where} ${tail}`, parameters)).map(toUser);
  }

  async find(tx: EntityManager, id: string): Promise<User | undefined> {
    const found = await row<UserRow>(tx, `SELECT ${COLUMNS} FROM users WHERE id = $1`, [id]);
    return found && toUser(found);
  }

  /** As the system role, since nobody is logged in yet. The same address may be a user of several vendors and customers on this hub. */
  async findLoginCandidates(tx: EntityManager, email: string): Promise<LoginCandidate[]> {
    const found = await rows<UserRow & { passwordHash: string }>(
      tx,
      `SELECT ${COLUMNS}, password_hash AS "passwordHash" FROM users WHERE lower(email) = lower($1) ORDER BY created_at, id LIMIT 5`,
      [email],
    );
    return found.map(({ passwordHash, ...user }) => ({ passwordHash, user: toUser(user) }));
  }

  /** Undefined when the vendor, or this customer of it, has a user of this address. */
  async insert(tx: EntityManager, user: NewUser): Promise<User | undefined> {
    const found = await row<UserRow>(
      tx,
      `INSERT INTO users (organization_id, customer_id, email, name, role, password_hash) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT DO NOTHING RETURNING ${COLUMNS}`,
      [user.organizationId, user.customerId ?? null, user.email, user.name, user.role, user.passwordHash],
    );
    return found && toUser(found);
  }

  /** With all sessions, and the API tokens that it made. */
  async delete(tx: EntityManager, id: string): Promise<boolean> {
    return (await execute(tx, 'DELETE FROM users WHERE id = $1', [id])) > 0;
  }

  /** As the system role: of all organizations, oldest first. */
  findOwners(tx: EntityManager): Promise<OwnerOfOrganization[]> {
    return rows<OwnerOfOrganization>(
      tx,
      `SELECT users.id, users.email, organizations.slug AS organization
       FROM users JOIN organizations ON organizations.id = users.organization_id
       WHERE users.role = 'owner' ORDER BY users.created_at, users.id`,
    );
  }

  async passwordHash(tx: EntityManager, id: string): Promise<string | undefined> {
    const sql = 'SELECT password_hash AS "passwordHash" FROM users WHERE id = $1';
    return (await row<{ passwordHash: string }>(tx, sql, [id]))?.passwordHash;
  }

  /** Ends the user's sessions too. @returns false when there is no such user any more */
  async setPassword(tx: EntityManager, id: string, passwordHash: string): Promise<boolean> {
    const count = await execute(tx, 'UPDATE users SET password_hash = $2 WHERE id = $1', [id, passwordHash]);
    await execute(tx, 'DELETE FROM sessions WHERE user_id = $1', [id]);
    return count > 0;
  }

  /**
   * Only in the place of the one whose hash this was: what a person proves by the old password holds until somebody gives them another.
   * Ends the user's sessions but one. @returns false when the old one is not theirs any more
   */
  async replacePassword(
    tx: EntityManager,
    id: string,
    { oldHash, passwordHash, keptSession }: { oldHash: string; passwordHash: string; keptSession: Buffer },
  ): Promise<boolean> {
    const sql = 'UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2';
    if ((await execute(tx, sql, [id, oldHash, passwordHash])) === 0) return false;
    await execute(tx, 'DELETE FROM sessions WHERE user_id = $1 AND token_hash <> $2', [id, keptSession]);
    return true;
  }

  /** Locks the owners, so that two cannot remove each other at once. */
  async countOwners(tx: EntityManager): Promise<number> {
    return (await rows(tx, `SELECT id FROM users WHERE role = 'owner' ORDER BY id FOR UPDATE`)).length;
  }
}
