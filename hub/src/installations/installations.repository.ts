import { Injectable } from '@nestjs/common';
import { REMEDY_KINDS, type InstallationQuery, type RunState } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageClause, type PageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { SELECT_INSTALLATION, type InstallationRow } from './installation-row.ts';

export interface NewInstallation {
  customerId: string;
  clusterId: string;
  serviceId: string;
  name: string;
  namespace: string;
  /** Helm's name of it, where it is not the installation's. */
  releaseName: string | undefined;
}

export interface NewGeneration {
  customerId: string;
  installationId: string;
  generation: number;
  releaseId: string;
  action: 'run' | 'remove';
  deleteVolumes: boolean;
  parameters: Record<string, unknown>;
  runState?: RunState;
  toGeneration: number | undefined;
  acceptDifferences?: boolean;
}

export interface GenerationRow {
  generation: number;
  releaseId: string;
  parameters: Record<string, unknown>;
}

/** Where an installation is to be: what a name of service, customer and cluster stands for. */
export interface Place {
  clusterId: string;
  cluster: string;
  customerId: string;
  customer: string;
  isRevoked: boolean;
}

@Injectable()
export class InstallationsRepository {
  list(tx: EntityManager, query: InstallationQuery, page: PageRequest): Promise<InstallationRow[]> {
    const conditions = [
      ['i.name = ', query.name],
      ['c.name = ', query.cluster],
      ['cu.slug = ', query.customer],
      ['s.slug = ', query.service],
    ].filter((condition): condition is [string, string] => condition[1] !== undefined);
    const values = conditions.map(([, value]) => value);
    const where = conditions.map(([sql], index) => `${sql}$${index + 1}`);
    if (!query.removed) where.push('i.removed_at IS NULL');
    const clause = pageClause(page, values.length + 1, 'i');
    const sql = `${SELECT_INSTALLATION} WHERE ${[...where, clause.where].join(' AND ')} ${clause.tail}`;
    return rows(tx, sql, [...values, ...clause.parameters]);
  }

  find(tx: EntityManager, id: string): Promise<InstallationRow | undefined> {
    return row(tx, `${SELECT_INSTALLATION} WHERE i.id = $1`, [id]);
  }

  /** @throws ProblemError `not-found` */
  async load(tx: EntityManager, id: string): Promise<InstallationRow> {
    const found = await this.find(tx, id);
    if (!found) throw noSuchInstallation(id);
    return found;
  }

  findByOperation(tx: EntityManager, operationId: string): Promise<InstallationRow | undefined> {
    return row(tx, `${SELECT_INSTALLATION} WHERE i.id = (SELECT installation_id FROM operations WHERE id = $1)`, [
      operationId,
    ]);
  }

  /** Keeps others from changing what is wanted of it until the transaction ends. */
  async findForUpdate(tx: EntityManager, id: string): Promise<InstallationRow | undefined> {
    // By itself: after waiting, one statement would join the new generation with what it had read before, and find nothing.
    await row(tx, 'SELECT 1 FROM installations WHERE id = $1 FOR UPDATE', [id]);
    return row(tx, `${SELECT_INSTALLATION} WHERE i.id = $1 AND i.removed_at IS NULL`, [id]);
  }

  async isClusterRevoked(tx: EntityManager, clusterId: string): Promise<boolean> {
    const found = await row(tx, 'SELECT 1 FROM clusters WHERE id = $1 AND revoked_at IS NOT NULL', [clusterId]);
    return found !== undefined;
  }

  /** Clusters of that name; several when customers use the same name. */
  places(tx: EntityManager, cluster: string, customer: string | undefined): Promise<Place[]> {
    return rows(
      tx,
      `SELECT c.id AS "clusterId", c.name AS cluster, cu.id AS "customerId", cu.slug AS customer, c.revoked_at IS NOT NULL AS "isRevoked"
       FROM clusters c JOIN customers cu ON cu.id = c.customer_id WHERE c.name = $1 AND ($2::text IS NULL OR cu.slug = $2) LIMIT 2`,
      [cluster, customer ?? null],
    );
  }

  /** Undefined when the name or the namespace is taken in this cluster. */
  async insert(tx: EntityManager, context: TenantContext, wanted: NewInstallation): Promise<string | undefined> {
    const made = await row<{ id: string }>(
      tx,
      `INSERT INTO installations (organization_id, customer_id, cluster_id, service_id, name, namespace, created_by, release_name, generation)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1) ON CONFLICT DO NOTHING RETURNING id`,
      [
        context.organizationId,
        wanted.customerId,
        wanted.clusterId,
        wanted.serviceId,
        wanted.name,
        wanted.namespace,
        context.actor,
        wanted.releaseName ?? null,
      ],
    );
    return made?.id;
  }

  async insertGeneration(tx: EntityManager, organizationId: string, wanted: NewGeneration): Promise<void> {
    await execute(
      tx,
      `INSERT INTO installation_generations (organization_id, customer_id, installation_id, generation, release_id, action, delete_volumes, parameters, to_generation, run_state, accept_differences)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
      [
        organizationId,
        wanted.customerId,
        wanted.installationId,
        wanted.generation,
        wanted.releaseId,
        wanted.action,
        wanted.deleteVolumes,
        JSON.stringify(wanted.parameters),
        wanted.toGeneration ?? null,
        wanted.runState ? JSON.stringify(wanted.runState) : null,
        wanted.acceptDifferences ?? false,
      ],
    );
  }

  async setWanted(tx: EntityManager, id: string, generation: number, operationId: string): Promise<void> {
    await execute(tx, 'UPDATE installations SET generation = $2, current_operation_id = $3 WHERE id = $1', [
      id,
      generation,
      operationId,
    ]);
  }

  generation(tx: EntityManager, id: string, generation: number): Promise<GenerationRow | undefined> {
    return row(
      tx,
      `SELECT generation, release_id AS "releaseId", parameters FROM installation_generations
       WHERE installation_id = $1 AND generation = $2`,
      [id, generation],
    );
  }

  /** What it is wanted to be: every installation has it. */
  async wantedGeneration(tx: EntityManager, { id, generation }: InstallationRow): Promise<GenerationRow> {
    const found = await this.generation(tx, id, generation);
    if (!found) throw new Error('the wanted generation of an installation is not there');
    return found;
  }

  /** Whether one of its generations ended well with this release. */
  async hasRunWell(tx: EntityManager, id: string, releaseId: string): Promise<boolean> {
    const found = await row(
      tx,
      `SELECT 1 FROM installation_generations
       WHERE installation_id = $1 AND release_id = $2 AND succeeded_at IS NOT NULL AND action = 'run' LIMIT 1`,
      [id, releaseId],
    );
    return found !== undefined;
  }

  /** The latest generation before the set that this one runs that ended well and brought another. */
  async lastGoodBefore(tx: EntityManager, id: string, generation: number): Promise<GenerationRow | undefined> {
    const running = await this.lastSetUpTo(tx, id, generation);
    return running && this.lastSetUpTo(tx, id, running.generation - 1);
  }

  /** The latest generation up to this one that ended well and brought what it ran: remedies only change how. */
  lastSetUpTo(tx: EntityManager, id: string, generation: number): Promise<GenerationRow | undefined> {
    return row(
      tx,
      `SELECT g.generation, g.release_id AS "releaseId", g.parameters FROM installation_generations g
       WHERE g.installation_id = $1 AND g.generation <= $2 AND g.succeeded_at IS NOT NULL AND g.action = 'run' AND NOT EXISTS (
         SELECT 1 FROM operations o WHERE o.installation_id = g.installation_id AND o.generation = g.generation AND o.kind = ANY($3))
       ORDER BY g.generation DESC LIMIT 1`,
      [id, generation, REMEDY_KINDS],
    );
  }
}

export function noSuchInstallation(id: string): ProblemError {
  return new ProblemError('not-found', `there is no installation ${id}`, { action: 'see `steward installation list`' });
}
