import type { MigrationInterface, QueryRunner } from 'typeorm';
import { functionGrant, tenantTable } from '../db/tenant-table.ts';

/** What agents measure of installations, a partition for each day (UTC). */
export class Metrics2020000000000 implements MigrationInterface {
  readonly name = 'Metrics2020000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...TABLES, DAYS, ...RIGHTS, 'SELECT steward_metric_days(30)'])
      await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

// Without foreign keys: a new partition would lock `installations` for every writer, and what is stored goes with its day anyway.
const TABLES = [
  // Which series the numbers of a batch are of: once for each day, so that it goes with the batches that need it.
  `CREATE TABLE metric_tables (
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    day date NOT NULL,
    id bigint NOT NULL,
    size integer NOT NULL,
    series json NOT NULL,
    PRIMARY KEY (installation_id, day, id)
  ) PARTITION BY RANGE (day)`,
  ...tenantTable('metric_tables', { customerScoped: true }),

  // One row for each look at an installation. A number is null when it is as before, NaN when there was none; the end may be missing.
  `CREATE TABLE metric_batches (
    organization_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    installation_id uuid NOT NULL,
    at timestamptz(3) NOT NULL,
    table_id bigint NOT NULL,
    numbers float8[] NOT NULL,
    PRIMARY KEY (installation_id, at)
  ) PARTITION BY RANGE (at)`,
  ...tenantTable('metric_batches', { customerScoped: true }),
];

/**
 * The days around today are made, and those before the kept ones dropped. As the owner, since nobody else may make or drop a table; it takes
 * no more from its caller than a number. Attached, not made in place: that lets writers of other days go on. Partitions have row-level
 * security without a policy and no grants: whoever finds one by its name sees nothing.
 */
const DAYS = `CREATE FUNCTION steward_metric_days(keep integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, public, pg_temp SET datestyle = 'ISO' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
  parent text;
  part text;
  bounds text;
  changed integer := 0;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('steward_metric_days'));
  FOREACH parent IN ARRAY ARRAY['metric_tables', 'metric_batches'] LOOP
    FOR n IN -2..2 LOOP
      part := parent || '_' || to_char(today + n, 'YYYYMMDD');
      CONTINUE WHEN to_regclass('public.' || part) IS NOT NULL;
      bounds := CASE parent WHEN 'metric_tables' THEN format('FROM (%L) TO (%L)', today + n, today + n + 1)
                ELSE format('FROM (%L) TO (%L)', (today + n) || ' 00:00+00', (today + n + 1) || ' 00:00+00') END;
      EXECUTE format('CREATE TABLE public.%I (LIKE public.%I INCLUDING DEFAULTS)', part, parent);
      EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', part);
      IF parent = 'metric_batches' THEN
        BEGIN
          EXECUTE format('ALTER TABLE public.%I ALTER COLUMN numbers SET COMPRESSION lz4', part);
        EXCEPTION WHEN feature_not_supported THEN NULL;
        END;
      END IF;
      EXECUTE format('ALTER TABLE public.%I ATTACH PARTITION public.%I FOR VALUES %s', parent, part, bounds);
      changed := changed + 1;
    END LOOP;
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = ('public.' || parent)::regclass
                  AND to_date(right(c.relname, 8), 'YYYYMMDD') < today - greatest(keep, 3) LOOP
      EXECUTE format('DROP TABLE public.%I', part);
      changed := changed + 1;
    END LOOP;
  END LOOP;
  RETURN changed;
END $$`;

const RIGHTS = [
  'REVOKE ALL ON FUNCTION steward_metric_days(integer) FROM PUBLIC',
  functionGrant('steward_metric_days(integer)'),
];
