import { Injectable } from '@nestjs/common';
import type { CreatedGrant } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import type { TenantContext } from '../db/tenant-context.ts';
import { row } from '../db/query.ts';
import { createCredential, credentialHash } from '../http/credential.ts';
import { InstallLineService } from '../install/install-line.service.ts';

const GRANT_DAYS = 30;

/** The line with which a customer gives one installation its rights. The token in it only downloads that file; it grants nothing by itself. */
@Injectable()
export class GrantsService {
  constructor(private readonly lines: InstallLineService) {}

  async create(
    tx: EntityManager,
    context: TenantContext,
    installation: { id: string; customerId: string },
  ): Promise<CreatedGrant> {
    const token = createCredential('grant');
    const made = await row<{ expiresAt: Date }>(
      tx,
      `INSERT INTO grant_tokens (organization_id, customer_id, installation_id, token_hash, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING expires_at AS "expiresAt"`,
      [
        context.organizationId,
        installation.customerId,
        installation.id,
        credentialHash(token),
        context.actor,
        GRANT_DAYS,
      ],
    );
    if (!made) throw new Error('a grant token that was just written is not there');
    return { command: this.lines.grant(installation.id, token), expiresAt: made.expiresAt.toISOString() };
  }
}
