import { WebSocketGateway, type OnGatewayConnection, type OnGatewayDisconnect } from '@nestjs/websockets';
import type { WebSocket } from 'ws';
import { AgentSession, type SessionIdentity } from '../sessions/agent-session.ts';
import { systemClock } from '../sessions/clock.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';
import { FrameRouterService } from './frame-router.service.ts';
import { readSocket, sessionSocketOf } from './ws-session-socket.ts';

/** An agent's socket from its beginning to its end. What is said on it is the session's and the router's. */
@WebSocketGateway()
export class AgentGateway implements OnGatewayConnection<WebSocket>, OnGatewayDisconnect<WebSocket> {
  readonly #sessions = new WeakMap<WebSocket, AgentSession>();

  constructor(
    private readonly registry: SessionRegistry,
    private readonly router: FrameRouterService,
  ) {}

  handleConnection(client: WebSocket, identity: SessionIdentity): void {
    const session = new AgentSession(identity, sessionSocketOf(client), this.router, systemClock);
    this.#sessions.set(client, session);
    readSocket(client, session);
    this.registry.add(session);
  }

  handleDisconnect(client: WebSocket, code?: string): void {
    this.#sessions.get(client)?.closed(Number(code));
  }
}
