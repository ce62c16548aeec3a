import { Injectable } from '@nestjs/common';
import type { Role } from '@steward/shared';
import { Database } from '../db/database.ts';
import { execute, row } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { credentialHash, credentialKind } from './credential.ts';

interface CredentialRow {
  organizationId: string;
  customerId: string | null;
  role: Role;
  actor: string;
  userId: string | null;
  tokenId: string | null;
  isUseNoted: boolean;
}

const FIND_SESSION = `
  SELECT s.organization_id AS "organizationId", u.customer_id AS "customerId", u.role, u.email AS actor, u.id AS "userId",
         NULL AS "tokenId", true AS "isUseNoted"
  FROM sessions s JOIN users u ON u.id = s.user_id
  WHERE s.token_hash = $1 AND s.expires_at > now()`;
const FIND_TOKEN = `
  SELECT organization_id AS "organizationId", customer_id AS "customerId", role, 'token ' || name AS actor, NULL AS "userId",
         id AS "tokenId", COALESCE(last_used_at > now() - interval '1 minute', false) AS "isUseNoted"
  FROM api_tokens
  WHERE token_hash = $1 AND (expires_at IS NULL OR expires_at > now())`;

/** Look-up by token, before it is known whose it is: therefore as the system role. Nothing is cached, so a revoked token ends at once. */
@Injectable()
export class CredentialsRepository {
  constructor(private readonly database: Database) {}

  findTenant(credential: string): Promise<TenantContext | undefined> {
    return this.database.asSystem(async (tx) => {
      const sql = credentialKind(credential) === 'session' ? FIND_SESSION : FIND_TOKEN;
      const found = await row<CredentialRow>(tx, sql, [credentialHash(credential)]);
      if (!found) return undefined;
      if (!found.isUseNoted && found.tokenId !== null)
        await execute(tx, 'UPDATE api_tokens SET last_used_at = now() WHERE id = $1', [found.tokenId]);
      return {
        organizationId: found.organizationId,
        role: found.role,
        actor: found.actor,
        ...(found.customerId === null ? {} : { customerId: found.customerId }),
        ...(found.userId === null ? {} : { userId: found.userId }),
        ...(found.tokenId === null ? {} : { tokenId: found.tokenId }),
      };
    });
  }
}
