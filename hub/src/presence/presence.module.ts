import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.ts';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { IntentsModule } from '../intents/intents.module.ts';
import { SessionsModule } from '../sessions/sessions.module.ts';
import { PresenceRepository } from './presence.repository.ts';
import { PresenceService } from './presence.service.ts';

@Module({
  imports: [ClustersModule, SessionsModule, AgentsModule, IntentsModule],
  providers: [PresenceRepository, PresenceService],
})
export class PresenceModule {}
