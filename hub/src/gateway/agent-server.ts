import { Injectable } from '@nestjs/common';
import { LIMITS, SUBPROTOCOL } from '@steward/shared';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import type { SessionIdentity } from '../sessions/agent-session.ts';

export type OnAgent = (client: WebSocket, identity: SessionIdentity) => void;

/** Makes WebSockets of upgrades that have been let in. Bare `ws`, without compression: it costs more than it saves on frames like these. */
@Injectable()
export class AgentServer {
  readonly #server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: LIMITS.maxFrameBytes,
    handleProtocols: () => SUBPROTOCOL,
  });
  #onAgent: OnAgent = (client) => client.terminate();

  /** Who takes the sockets; one. */
  onAgent(handler: OnAgent): void {
    this.#onAgent = handler;
  }

  /** @returns false when the socket was gone before the handshake ended */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, identity: SessionIdentity): boolean {
    let isAccepted = false;
    this.#server.handleUpgrade(request, socket, head, (client) => {
      isAccepted = true;
      this.#onAgent(client, identity);
    });
    return isAccepted;
  }

  close(): void {
    this.#onAgent = (client) => client.terminate();
    this.#server.close();
  }
}
