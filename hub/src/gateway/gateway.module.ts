import { Module } from '@nestjs/common';
import { AgentsModule } from '../agents/agents.module.ts';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { IngestModule } from '../ingest/ingest.module.ts';
import { IntentsModule } from '../intents/intents.module.ts';
import { PresenceModule } from '../presence/presence.module.ts';
import { RecoveryModule } from '../recovery/recovery.module.ts';
import { SessionsModule } from '../sessions/sessions.module.ts';
import { AgentGateway } from './agent.gateway.ts';
import { AgentServer } from './agent-server.ts';
import { AgentUpgradeService } from './agent-upgrade.service.ts';
import { FrameRouterService } from './frame-router.service.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import { GreetingService } from './greeting.service.ts';
import { SessionLedgerService } from './session-ledger.service.ts';

@Module({
  imports: [ClustersModule, SessionsModule, AgentsModule, RecoveryModule, IntentsModule, IngestModule, PresenceModule],
  providers: [
    AgentGateway,
    AgentServer,
    AgentUpgradeService,
    FrameRouterService,
    GatewayMetrics,
    GreetingService,
    SessionLedgerService,
  ],
})
export class GatewayModule {}
