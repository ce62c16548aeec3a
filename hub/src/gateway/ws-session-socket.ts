import type { WebSocket } from 'ws';
import type { AgentSession } from '../sessions/agent-session.ts';
import type { SessionSocket } from '../sessions/session-socket.ts';

/** A session's view of a `ws` socket. */
export function sessionSocketOf(client: WebSocket): SessionSocket {
  return {
    get bufferedAmount() {
      return client.bufferedAmount;
    },
    send: (text, done) => client.send(text, () => done()),
    ping: () => client.readyState === client.OPEN && client.ping(),
    pause: () => client.pause(),
    resume: () => client.resume(),
    close: (code, reason) => client.close(code, reason),
    terminate: () => client.terminate(),
  };
}

/** Hands what comes on the socket to the session, in order. Its end is told by the gateway. */
export function readSocket(client: WebSocket, session: AgentSession): void {
  client.on('message', (data, isBinary) => {
    // With the default binaryType every message is one Buffer.
    if (Buffer.isBuffer(data)) session.receive(data, isBinary);
  });
  client.on('ping', () => session.heard());
  client.on('pong', () => session.heard());
  // `ws` closes by itself after an error of the protocol, with the code that belongs to it.
  client.on('error', () => undefined);
}
