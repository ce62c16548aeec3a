import { Injectable } from '@nestjs/common';
import type { CloseReason, HubFrame } from '@steward/shared';
import { DatabaseUnavailable } from '../db/unavailable.ts';
import { FencedError, ProtocolError } from '../ingest/fence.ts';
import { RecordsService } from '../ingest/records.service.ts';
import { ReportsService } from '../ingest/reports.service.ts';
import type { SessionState } from '../ingest/session-state.ts';
import type { AgentSession, Hello, SessionRouter, Welcome } from '../sessions/agent-session.ts';
import type { ControlFrame } from '../sessions/inbound.ts';
import { GreetingService } from './greeting.service.ts';
import { IntentsService } from '../intents/intents.service.ts';
import { RecoveryService } from '../recovery/recovery.service.ts';
import { SessionLedgerService } from './session-ledger.service.ts';

/** Where each frame of an agent goes. */
@Injectable()
export class FrameRouterService implements SessionRouter {
  readonly #states = new WeakMap<AgentSession, SessionState>();

  constructor(
    private readonly greeting: GreetingService,
    private readonly records: RecordsService,
    private readonly reports: ReportsService,
    private readonly recovery: RecoveryService,
    private readonly intents: IntentsService,
    private readonly ledger: SessionLedgerService,
  ) {}

  async greet(session: AgentSession, hello: Hello): Promise<Welcome> {
    const { state, welcome } = await this.greeting.greet(session.identity, hello);
    this.#states.set(session, state);
    this.ledger.opened(session, hello);
    return welcome;
  }

  async welcomed(session: AgentSession, hello: Hello): Promise<void> {
    await this.recovery.recover(session.identity, hello);
    return this.intents.offerAgain(session, hello.unfinishedOperations);
  }

  async route(session: AgentSession, inbound: Parameters<SessionRouter['route']>[1]): Promise<void> {
    const state = this.#states.get(session);
    if (!state) throw new ProtocolError('a frame before hello');
    if (inbound.kind === 'records') await this.records.ingest(session, state, inbound);
    else if (inbound.kind === 'bad-report') await this.reports.setAside(session, state, inbound);
    else await this.#routeFrame(session, state, inbound.frame);
  }

  closeReasonOf(error: unknown): CloseReason {
    if (error instanceof FencedError) return 'replaced';
    if (error instanceof ProtocolError) return 'badFrame';
    if (error instanceof DatabaseUnavailable) return 'tryLater';
    this.ledger.failed(error);
    return 'internal';
  }

  received(type: string): void {
    this.ledger.received(type);
  }

  sent(type: HubFrame['t']): void {
    this.ledger.sent(type);
  }

  closed(session: AgentSession, code: number): void {
    this.ledger.closed(session, code);
  }

  async #routeFrame(session: AgentSession, state: SessionState, frame: ControlFrame): Promise<void> {
    switch (frame.t) {
      case 'heartbeat':
        return this.reports.heartbeat(session, state, frame.b);
      case 'health':
        return this.reports.health(session, state, frame.b);
      case 'observed':
        return this.reports.observed(session, state, frame.b);
      case 'error':
        return this.ledger.agentError(session, frame.b);
      case 'ack':
        // The hub sends no records.
        return undefined;
      case 'hello':
        // The session has taken the first, and closes on a second.
        return undefined;
    }
  }
}
