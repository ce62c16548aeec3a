import { Inject, Injectable } from '@nestjs/common';
import type { HubFrame } from '@steward/shared';
import type { Logger } from 'pino';
import { LOGGER } from '../log.ts';
import type { AgentSession, Hello } from '../sessions/agent-session.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';
import { AgentSessionsService } from '../agents/agent-sessions.service.ts';
import { GatewayMetrics } from './gateway-metrics.ts';

/** Keeps count of what happens on sessions, and knows which there are. */
@Injectable()
export class SessionLedgerService {
  constructor(
    private readonly registry: SessionRegistry,
    private readonly sessions: AgentSessionsService,
    private readonly metrics: GatewayMetrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  opened({ identity }: AgentSession, { agentVersion, kubernetesVersion }: Hello): void {
    this.log.info({ ...identity, agentVersion, kubernetesVersion }, 'a session of an agent began');
  }

  received(type: string): void {
    this.metrics.frame('in', type);
  }

  sent(type: HubFrame['t']): void {
    this.metrics.frame('out', type);
  }

  agentError(session: AgentSession, error: { code: string; message: string }): void {
    this.log.warn({ ...session.identity, ...error }, 'an agent tells an error');
  }

  failed(error: unknown): void {
    this.log.error({ err: error }, 'a frame of an agent could not be handled');
  }

  closed(session: AgentSession, code: number): void {
    this.registry.remove(session);
    this.sessions.ended(session.identity, session.heardAt);
    this.metrics.closed(code);
    this.log.info({ ...session.identity, code }, 'a session of an agent ended');
  }
}
