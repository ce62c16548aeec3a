import type { MigrationInterface } from 'typeorm';
import { Tenants1001000000000 } from './1001-tenants.ts';
import { Feed1002000000000 } from './1002-feed.ts';
import { Catalog2001000000000 } from './2001-catalog.ts';
import { Fleet2002000000000 } from './2002-fleet.ts';
import { FleetKeys2003000000000 } from './2003-fleet-keys.ts';
import { RunState2006000000000 } from './2006-run-state.ts';
import { IfUnderWay2007000000000 } from './2007-if-under-way.ts';
import { Adopt2010000000000 } from './2010-adopt.ts';
import { MovedCluster2015000000000 } from './2015-moved-cluster.ts';
import { Metrics2020000000000 } from './2020-metrics.ts';
import { ChartsElsewhere2021000000000 } from './2021-charts-elsewhere.ts';
import { KeptAndEndpoints2028000000000 } from './2028-kept-and-endpoints.ts';
import { WhoseTokens2029000000000 } from './2029-whose-tokens.ts';
import { GivenWay2030000000000 } from './2030-given-way.ts';

/** A migration's class name ends in 13 digits, by which TypeORM orders them: the number of the file (four digits), then zeros. */
export interface MigrationClass {
  new (): MigrationInterface;
  readonly name: string;
}

/** Every migration, in order. 1xxx: organizations, people, feed. 2xxx: catalog, clusters, installations, operations, metrics. */
export const MIGRATIONS: readonly MigrationClass[] = [
  Tenants1001000000000,
  Feed1002000000000,
  Catalog2001000000000,
  Fleet2002000000000,
  FleetKeys2003000000000,
  RunState2006000000000,
  IfUnderWay2007000000000,
  Adopt2010000000000,
  MovedCluster2015000000000,
  Metrics2020000000000,
  ChartsElsewhere2021000000000,
  KeptAndEndpoints2028000000000,
  WhoseTokens2029000000000,
  GivenWay2030000000000,
];
