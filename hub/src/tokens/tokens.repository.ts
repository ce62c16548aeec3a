import { Injectable } from '@nestjs/common';
import type { ApiToken, Role } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';
import { pageClause, type PageRequest } from '../http/page.ts';

interface TokenRow {
  id: string;
  name: string;
  role: Role;
  customerId: string | null;
  createdAt: Date;
  createdBy: string;
  madeBy: string | null;
  expiresAt: Date | null;
  lastUsedAt: Date | null;
}

export interface NewToken {
  organizationId: string;
  customerId?: string;
  name: string;
  role: Role;
  tokenHash: Buffer;
  createdBy: string;
  /** A person, or a token of whose person it is then. */
  maker: { userId?: string; tokenId?: string };
  expiresAt?: Date;
}

const COLUMNS =
  'id, name, role, customer_id AS "customerId", created_at AS "createdAt", created_by AS "createdBy", made_by AS "madeBy", expires_at AS "expiresAt", last_used_at AS "lastUsedAt"';

function toToken({ customerId, createdAt, madeBy, expiresAt, lastUsedAt, ...found }: TokenRow): ApiToken {
  return {
    ...found,
    ...(customerId === null ? {} : { customerId }),
    createdAt: createdAt.toISOString(),
    ...(madeBy === null ? {} : { madeBy }),
    ...(expiresAt === null ? {} : { expiresAt: expiresAt.toISOString() }),
    ...(lastUsedAt === null ? {} : { lastUsedAt: lastUsedAt.toISOString() }),
  };
}

@Injectable()
export class TokensRepository {
  async list(tx: EntityManager, page: PageRequest): Promise<ApiToken[]> {
    const { where, tail, parameters } = pageClause(page, 1);
    return (await rows<TokenRow>(tx, `SELECT ${COLUMNS} FROM api_tokens WHERE ${where} ${tail}`, parameters)).map(
      toToken,
    );
  }

  async find(tx: EntityManager, id: string): Promise<ApiToken | undefined> {
    const found = await row<TokenRow>(tx, `SELECT ${COLUMNS} FROM api_tokens WHERE id = $1`, [id]);
    return found && toToken(found);
  }

  /** Undefined when its maker was removed meanwhile: nothing may outlive that person. The transaction can only end then. */
  async insert(tx: EntityManager, token: NewToken): Promise<ApiToken | undefined> {
    const { organizationId, customerId, name, role, tokenHash, createdBy, maker, expiresAt } = token;
    const made = await row<TokenRow>(
      tx,
      `INSERT INTO api_tokens (organization_id, customer_id, name, role, token_hash, created_by, expires_at, made_by)
       SELECT $1, $2, $3, $4, $5, $6, $7, maker.made_by FROM (
         SELECT $8::uuid AS made_by WHERE $9::uuid IS NULL UNION ALL SELECT made_by FROM api_tokens WHERE id = $9) maker
       RETURNING ${COLUMNS}`,
      [
        organizationId,
        customerId ?? null,
        name,
        role,
        tokenHash,
        createdBy,
        expiresAt ?? null,
        maker.userId ?? null,
        maker.tokenId ?? null,
      ],
    ).catch((error: unknown) => {
      if (isMakerGone(error)) return undefined;
      throw error;
    });
    return made && toToken(made);
  }

  async delete(tx: EntityManager, id: string): Promise<void> {
    await execute(tx, 'DELETE FROM api_tokens WHERE id = $1', [id]);
  }
}

/** The person was removed while the row was written. The token that they had is not locked before: that would be the other way round than their removal does. */
function isMakerGone(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === 'api_tokens_made_by_fkey';
}
