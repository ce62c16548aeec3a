import type { MigrationInterface, QueryRunner } from 'typeorm';
import { hubTable, sequenceGrants, tenantTable } from '../db/tenant-table.ts';

/** Clusters and their agents' sessions, installations, operations. */
export class Fleet2002000000000 implements MigrationInterface {
  readonly name = 'Fleet2002000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...CLUSTERS, ...INSTALLATIONS, ...OPERATIONS]) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const CLUSTERS = [
  // A hub process that is alive says so here; the sessions it holds are alive with it.
  `CREATE TABLE hub_replicas (
    id uuid PRIMARY KEY,
    started_at timestamptz(3) NOT NULL DEFAULT now(),
    beat_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  ...hubTable('hub_replicas'),

  `CREATE TABLE clusters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    name text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    manifest_fetched_at timestamptz(3),
    enrolled_at timestamptz(3),
    revoked_at timestamptz(3),
    cluster_uid text,
    public_key text,
    last_iat double precision NOT NULL DEFAULT 0,
    epoch integer NOT NULL DEFAULT 0,
    session_replica uuid,
    connected_at timestamptz(3),
    last_seen_at timestamptz(3),
    agent_version text,
    kubernetes_version text,
    clock_skew_ms integer,
    clock_skew_at timestamptz(3),
    refused_at timestamptz(3),
    refused_uid text,
    shown_connection text NOT NULL DEFAULT 'waiting',
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers (organization_id, id),
    UNIQUE (customer_id, name),
    UNIQUE (organization_id, customer_id, id)
  )`,
  `CREATE INDEX clusters_page ON clusters (organization_id, created_at, id)`,
  `CREATE INDEX clusters_sessions ON clusters (session_replica) WHERE session_replica IS NOT NULL`,
  `CREATE INDEX clusters_fading ON clusters (last_seen_at)
   WHERE session_replica IS NULL AND shown_connection IN ('connected', 'stale')`,
  ...tenantTable('clusters', { customerScoped: true }),

  `CREATE TABLE enrolment_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3) NOT NULL,
    replaced_at timestamptz(3),
    used_at timestamptz(3),
    used_public_key text,
    FOREIGN KEY (organization_id, customer_id, cluster_id) REFERENCES clusters (organization_id, customer_id, id) ON DELETE CASCADE
  )`,
  `CREATE INDEX enrolment_tokens_cluster ON enrolment_tokens (cluster_id, created_at)`,
  ...tenantTable('enrolment_tokens', { customerScoped: true }),

  `CREATE TABLE agent_streams (
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    stream text NOT NULL,
    cursor bigint NOT NULL,
    updated_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (cluster_id, stream),
    FOREIGN KEY (organization_id, customer_id, cluster_id) REFERENCES clusters (organization_id, customer_id, id) ON DELETE CASCADE
  )`,
  ...tenantTable('agent_streams', { customerScoped: true }),

  `CREATE TABLE rejected_records (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    problem text NOT NULL,
    body text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, customer_id, cluster_id) REFERENCES clusters (organization_id, customer_id, id) ON DELETE CASCADE
  )`,
  `CREATE INDEX rejected_records_cluster ON rejected_records (cluster_id, created_at, id)`,
  ...tenantTable('rejected_records', { customerScoped: true }),
];

const INSTALLATIONS = [
  `CREATE TABLE installations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    service_id uuid NOT NULL,
    name text NOT NULL,
    namespace text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    generation integer NOT NULL,
    current_operation_id uuid,
    reported_generation integer NOT NULL DEFAULT 0,
    observed_generation integer NOT NULL DEFAULT 0,
    running_version text,
    running_digest text,
    state text NOT NULL DEFAULT 'pending',
    message text,
    health text NOT NULL DEFAULT 'unknown',
    reasons jsonb NOT NULL DEFAULT '[]',
    workloads jsonb NOT NULL DEFAULT '[]',
    health_since timestamptz(3),
    removed_at timestamptz(3),
    FOREIGN KEY (organization_id, customer_id, cluster_id) REFERENCES clusters (organization_id, customer_id, id),
    FOREIGN KEY (organization_id, service_id) REFERENCES services (organization_id, id),
    UNIQUE (organization_id, customer_id, id)
  )`,
  `CREATE UNIQUE INDEX installations_name ON installations (cluster_id, name) WHERE removed_at IS NULL`,
  `CREATE UNIQUE INDEX installations_namespace ON installations (cluster_id, namespace) WHERE removed_at IS NULL`,
  `CREATE INDEX installations_page ON installations (organization_id, created_at, id)`,
  ...tenantTable('installations', { customerScoped: true }),

  `CREATE TABLE installation_generations (
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    generation integer NOT NULL,
    release_id uuid NOT NULL,
    action text NOT NULL,
    delete_volumes boolean NOT NULL,
    parameters json NOT NULL,
    to_generation integer,
    succeeded_at timestamptz(3),
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (installation_id, generation),
    FOREIGN KEY (organization_id, customer_id, installation_id) REFERENCES installations (organization_id, customer_id, id),
    FOREIGN KEY (organization_id, release_id) REFERENCES releases (organization_id, id)
  )`,
  ...tenantTable('installation_generations', { customerScoped: true }),

  `CREATE TABLE grant_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3) NOT NULL,
    FOREIGN KEY (organization_id, customer_id, installation_id) REFERENCES installations (organization_id, customer_id, id)
  )`,
  `CREATE INDEX grant_tokens_expiry ON grant_tokens (expires_at)`,
  ...tenantTable('grant_tokens', { customerScoped: true }),

  `CREATE TABLE installation_events (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    kind text NOT NULL,
    message text NOT NULL,
    from_state text,
    to_state text,
    lost integer,
    at timestamptz(3) NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, customer_id, installation_id) REFERENCES installations (organization_id, customer_id, id)
  )`,
  `CREATE INDEX installation_events_page ON installation_events (installation_id, created_at, id)`,
  `CREATE INDEX installation_events_age ON installation_events (created_at)`,
  ...tenantTable('installation_events', { customerScoped: true }),
];

const OPERATIONS = [
  // `presumed_from`: the state before the hub itself ended the operation; what the agent tells of it still counts.
  `CREATE TABLE operations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    cluster_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    release_id uuid NOT NULL,
    kind text NOT NULL,
    generation integer NOT NULL,
    state text NOT NULL,
    presumed_from text,
    phase text NOT NULL,
    message text NOT NULL,
    reason_code text,
    revision integer NOT NULL DEFAULT 0,
    requested_by text NOT NULL,
    request_reason text,
    cancel_requested_by text,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    updated_at timestamptz(3) NOT NULL DEFAULT now(),
    started_at timestamptz(3),
    finished_at timestamptz(3),
    not_after timestamptz(3) NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    parent_span_id text,
    plan json,
    FOREIGN KEY (organization_id, customer_id, installation_id) REFERENCES installations (organization_id, customer_id, id),
    FOREIGN KEY (organization_id, customer_id, cluster_id) REFERENCES clusters (organization_id, customer_id, id),
    FOREIGN KEY (organization_id, release_id) REFERENCES releases (organization_id, id),
    FOREIGN KEY (installation_id, generation) REFERENCES installation_generations (installation_id, generation),
    UNIQUE (organization_id, customer_id, id)
  )`,
  `CREATE INDEX operations_page ON operations (organization_id, created_at DESC, id DESC)`,
  `CREATE INDEX operations_installation ON operations (installation_id, created_at DESC, id DESC)`,
  `CREATE INDEX operations_unfinished ON operations (cluster_id, not_after)
   WHERE state IN ('queued', 'offered', 'awaiting-approval', 'accepted', 'running')`,
  ...tenantTable('operations', { customerScoped: true }),

  // `revision` is the agent's; the hub's own entries have none.
  `CREATE TABLE operation_transitions (
    id bigserial PRIMARY KEY,
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    operation_id uuid NOT NULL,
    revision integer,
    state text NOT NULL,
    phase text NOT NULL,
    message text NOT NULL,
    reason_code text,
    progress jsonb,
    at timestamptz(3) NOT NULL,
    recorded_at timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (operation_id, revision),
    FOREIGN KEY (organization_id, customer_id, operation_id) REFERENCES operations (organization_id, customer_id, id)
  )`,
  ...sequenceGrants('operation_transitions_id_seq'),
  ...tenantTable('operation_transitions', { customerScoped: true }),

  `CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL REFERENCES organizations,
    customer_id uuid,
    actor text NOT NULL,
    key text NOT NULL,
    request_digest text NOT NULL,
    operation_id uuid NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, actor, key)
  )`,
  `CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)`,
  ...tenantTable('idempotency_keys', { customerScoped: true }),
];
