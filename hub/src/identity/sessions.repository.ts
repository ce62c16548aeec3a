import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';

const MAX_SESSIONS = 50;

export interface NewSession {
  organizationId: string;
  customerId?: string;
  userId: string;
  tokenHash: Buffer;
  expiresAt: Date;
}

@Injectable()
export class SessionsRepository {
  /** As the system role. The user's expired sessions, and the oldest beyond fifty, go. */
  async insert(tx: EntityManager, session: NewSession): Promise<void> {
    const { organizationId, customerId, userId, tokenHash, expiresAt } = session;
    await execute(
      tx,
      `DELETE FROM sessions WHERE user_id = $1 AND (expires_at < now() OR id IN
         (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id OFFSET ${MAX_SESSIONS - 1}))`,
      [userId],
    );
    await execute(
      tx,
      'INSERT INTO sessions (organization_id, customer_id, user_id, token_hash, expires_at) VALUES ($1, $2, $3, $4, $5)',
      [organizationId, customerId ?? null, userId, tokenHash, expiresAt],
    );
  }

  /** Whether there was one. */
  async delete(tx: EntityManager, tokenHash: Buffer): Promise<boolean> {
    return (await row(tx, 'DELETE FROM sessions WHERE token_hash = $1 RETURNING id', [tokenHash])) !== undefined;
  }
}
