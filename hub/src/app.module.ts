import { Global, Module, type DynamicModule } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from './config.ts';
import { Database } from './db/database.ts';
import { DatabaseModule } from './db/database.module.ts';
import { FeedModule } from './feed/feed.module.ts';
import { CustomersModule } from './customers/customers.module.ts';
import { UsersModule } from './users/users.module.ts';
import { OrganizationsModule } from './organizations/organizations.module.ts';
import { IdentityModule } from './identity/identity.module.ts';
import { TokensModule } from './tokens/tokens.module.ts';
import { TelemetryModule } from './telemetry/telemetry.module.ts';
import { CatalogModule } from './catalog/catalog.module.ts';
import { ClustersModule } from './clusters/clusters.module.ts';
import { EnrolmentModule } from './enrolment/enrolment.module.ts';
import { GatewayModule } from './gateway/gateway.module.ts';
import { InstallModule } from './install/install.module.ts';
import { InstallationsModule } from './installations/installations.module.ts';
import { ServiceMetricsModule } from './service-metrics/service-metrics.module.ts';
import { HttpModule } from './http/http.module.ts';
import { LOGGER } from './log.ts';
import { PageModule } from './page/page.module.ts';
import { OpenApiModule } from './openapi/openapi.module.ts';
import { StatusModule } from './status/status.module.ts';
import { TlsMaterial } from './tls/tls-material.ts';
import { TlsModule } from './tls/tls.module.ts';

/** What exists before Nest does. */
export interface Foundation {
  config: Config;
  log: Logger;
  database: Database;
  tls: TlsMaterial;
}

@Global()
@Module({})
class FoundationModule {
  static of({ config, log }: Foundation): DynamicModule {
    return {
      module: FoundationModule,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: log },
      ],
      exports: [CONFIG, LOGGER],
    };
  }
}

/** One module per feature. A service that lives long starts in `onApplicationBootstrap` and stops in `beforeApplicationShutdown`. */
const FEATURES: NonNullable<DynamicModule['imports']> = [
  StatusModule,
  CatalogModule,
  ClustersModule,
  EnrolmentModule,
  InstallModule,
  InstallationsModule,
  ServiceMetricsModule,
  GatewayModule,
  OpenApiModule,
  TelemetryModule,
  PageModule,
  FeedModule,
  CustomersModule,
  UsersModule,
  OrganizationsModule,
  IdentityModule,
  TokensModule,
];

@Module({})
export class AppModule {
  static of(foundation: Foundation): DynamicModule {
    return {
      module: AppModule,
      imports: [
        FoundationModule.of(foundation),
        DatabaseModule.of(foundation.database),
        TlsModule.of(foundation.tls),
        HttpModule,
        ...FEATURES,
      ],
    };
  }
}
