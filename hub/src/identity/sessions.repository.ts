import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';

const MAX_SESSIONS = 50;

export interface NewSession {
  userId: string;
  /** Of the password that was proved. */
  passwordHash: string;
  tokenHash: Buffer;
  expiresAt: Date;
}

@Injectable()
export class SessionsRepository {
  /**
   * As the system role. Holds the user, so that a new password ends this session too. The user's expired sessions, and the oldest beyond fifty,
   * go. @returns false, with nothing done, when the user is gone or has another password by now
   */
  async insert(tx: EntityManager, { userId, passwordHash, tokenHash, expiresAt }: NewSession): Promise<boolean> {
    const count = await execute(
      tx,
      `INSERT INTO sessions (organization_id, customer_id, user_id, token_hash, expires_at)
       SELECT organization_id, customer_id, id, $3, $4 FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE`,
      [userId, passwordHash, tokenHash, expiresAt],
    );
    if (count === 0) return false;
    await execute(
      tx,
      `DELETE FROM sessions WHERE user_id = $1 AND (expires_at < now() OR id IN
         (SELECT id FROM sessions WHERE user_id = $1 ORDER BY created_at DESC, id OFFSET ${MAX_SESSIONS}))`,
      [userId],
    );
    return true;
  }

  /** Whether there was one. */
  async delete(tx: EntityManager, tokenHash: Buffer): Promise<boolean> {
    return (await row(tx, 'DELETE FROM sessions WHERE token_hash = $1 RETURNING id', [tokenHash])) !== undefined;
  }
}
