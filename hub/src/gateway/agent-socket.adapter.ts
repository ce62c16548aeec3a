import type { WebSocketAdapter } from '@nestjs/common';
import type { WebSocket } from 'ws';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import type { AgentServer } from './agent-server.ts';

/**
 * Lets Nest hold the life-cycle of agents' sockets: connect, disconnect, close. It reads no message: Nest's own adapters drop what they
 * do not understand without a word and run handlers of one socket at the same time, so the session reads the socket itself, in order.
 */
export class AgentSocketAdapter implements WebSocketAdapter<AgentServer, WebSocket> {
  readonly #server: AgentServer;

  constructor(server: AgentServer) {
    this.#server = server;
  }

  create(): AgentServer {
    return this.#server;
  }

  bindClientConnect(server: AgentServer, callback: (client: WebSocket, identity: SessionIdentity) => void): void {
    server.onAgent(callback);
  }

  bindClientDisconnect(client: WebSocket, callback: (code: string) => void): void {
    client.on('close', (code) => callback(String(code)));
  }

  closeClient(client: WebSocket): void {
    client.terminate();
  }

  bindMessageHandlers(): void {
    // The session reads the frames.
  }

  close(server: AgentServer): void {
    server.close();
  }

  dispose(): void {
    // Nothing is held beside the server.
  }
}
