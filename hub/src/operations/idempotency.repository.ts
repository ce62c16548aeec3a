import { Injectable } from '@nestjs/common';
import { canonicalJson, sha256 } from '@steward/shared';
import * as Type from 'typebox';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { ProblemError } from '../http/problem.ts';

const KEY = /^[\x21-\x7e]{1,200}$/;

/** The `Idempotency-Key` header, for the OpenAPI document. */
export const IdempotencyKey = Type.String({
  pattern: KEY.source,
  description: 'sent again with the same key within a day, the request is answered with what the first one made',
});

/** A caller's own name for a request, and what was asked with it. Callers of two customers never meet, whatever they are called. */
export interface IdempotentRequest {
  /** The `Idempotency-Key` header; undefined: the request is made as often as it comes. */
  key: string | undefined;
  /** Everything that the answer depends on. */
  request: unknown;
}

/** Remembers for a day which operation a request made, so that sending it again answers with that one. */
@Injectable()
export class IdempotencyRepository {
  /**
   * The operation that the same request made before. Waits for one that is just being made.
   * @throws ProblemError `invalid-request` for a bad key, `conflict` when the key was used for something else
   */
  async find(
    tx: EntityManager,
    context: TenantContext,
    { key, request }: IdempotentRequest,
  ): Promise<string | undefined> {
    if (key === undefined) return undefined;
    if (!KEY.test(key))
      throw new ProblemError('invalid-request', 'the Idempotency-Key is not 1 to 200 printable characters');
    await execute(tx, 'SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [
      `${context.organizationId} ${context.customerId ?? ''} ${context.actor} ${key}`,
    ]);
    const found = await row<{ operationId: string; digest: string }>(
      tx,
      `SELECT operation_id AS "operationId", request_digest AS digest FROM idempotency_keys
       WHERE organization_id = $1 AND customer_id IS NOT DISTINCT FROM $2 AND actor = $3 AND key = $4`,
      [context.organizationId, context.customerId ?? null, context.actor, key],
    );
    if (!found) return undefined;
    if (found.digest !== sha256(canonicalJson(request)))
      throw new ProblemError('conflict', 'this Idempotency-Key was used for another request', {
        action: 'use a new key for a new request',
      });
    return found.operationId;
  }

  async keep(
    tx: EntityManager,
    context: TenantContext,
    { key, request }: IdempotentRequest,
    operationId: string,
  ): Promise<void> {
    if (key === undefined) return;
    await execute(
      tx,
      `INSERT INTO idempotency_keys (organization_id, customer_id, actor, key, request_digest, operation_id) VALUES ($1, $2, $3, $4, $5, $6)`,
      [
        context.organizationId,
        context.customerId ?? null,
        context.actor,
        key,
        sha256(canonicalJson(request)),
        operationId,
      ],
    );
  }

  /** As system role. */
  async forgetOld(tx: EntityManager): Promise<void> {
    await execute(tx, `DELETE FROM idempotency_keys WHERE created_at < now() - interval '1 day'`);
  }
}
