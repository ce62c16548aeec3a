import { Module } from '@nestjs/common';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { AgentAuthenticatorService } from './agent-authenticator.service.ts';
import { AgentSessionsService } from './agent-sessions.service.ts';
import { AgentsRepository } from './agents.repository.ts';
import { DownloadsController } from './downloads.controller.ts';

/** Agents' identities: who one is, its sessions in the database, and what it may download. */
@Module({
  imports: [ClustersModule],
  controllers: [DownloadsController],
  providers: [AgentAuthenticatorService, AgentSessionsService, AgentsRepository],
  exports: [AgentAuthenticatorService, AgentSessionsService, AgentsRepository],
})
export class AgentsModule {}
