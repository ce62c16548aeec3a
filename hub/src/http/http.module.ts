import { Global, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD } from '@nestjs/core';
import { AccessGuard } from './access.guard.ts';
import { CredentialsRepository } from './credentials.repository.ts';
import { EndedCredentials } from './ended-credentials.service.ts';
import { HttpServers } from './server/http-servers.ts';
import { ProblemFilter } from './problem.filter.ts';

@Global()
@Module({
  providers: [
    CredentialsRepository,
    EndedCredentials,
    HttpServers,
    { provide: APP_GUARD, useClass: AccessGuard },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
  exports: [CredentialsRepository, EndedCredentials, HttpServers],
})
export class HttpModule {}
