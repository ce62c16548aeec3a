import { CLOSE_CODES, decodeHubFrame, type AgentFrame, type HubFrame } from '@steward/shared';
import type { AgentSession } from './agent-session.ts';
import type { SessionSocket } from './session-socket.ts';

/**
 * The hub's end of a connection in memory; the agent's end are its public fields and `say`. For tests of sessions without a network.
 * While `isStuck`, what is sent stays in the socket, as with a reader that does not read.
 */
export class LinkedSocket implements SessionSocket {
  readonly received: HubFrame[] = [];
  pings = 0;
  isPaused = false;
  isStuck = false;
  closedWith: { code: number; reason: string } | undefined;
  bufferedAmount = 0;
  #session: AgentSession | undefined;
  #stuck: { text: string; done: () => void }[] = [];
  #held: (string | Buffer)[] = [];

  attach(session: AgentSession): void {
    this.#session = session;
  }

  /** The agent sends. */
  say(frame: AgentFrame | string | Buffer): void {
    const data = typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame);
    if (this.isPaused) this.#held.push(data);
    else this.#session?.receive(data, Buffer.isBuffer(data));
  }

  pong(): void {
    this.#session?.heard();
  }

  /** The agent's end goes away. */
  hangUp(code: number = CLOSE_CODES.normal.code): void {
    this.#session?.closed(code);
  }

  /** The reader reads again. */
  unstick(): void {
    this.isStuck = false;
    for (let next = this.#stuck.shift(); next; next = this.#stuck.shift()) this.#arrive(next.text, next.done);
  }

  send(text: string, done: () => void): void {
    this.bufferedAmount += text.length;
    if (this.isStuck || this.#stuck.length > 0) this.#stuck.push({ text, done });
    else this.#arrive(text, done);
  }

  ping(): void {
    this.pings += 1;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const data of this.#held.splice(0)) this.say(data);
  }

  close(code: number, reason: string): void {
    this.closedWith ??= { code, reason };
    this.#session?.closed(code);
  }

  terminate(): void {
    this.close(1006, 'terminated');
  }

  #arrive(text: string, done: () => void): void {
    this.bufferedAmount -= text.length;
    const decoded = decodeHubFrame(text);
    if (!decoded.ok) throw new Error(`the hub sent a frame of its own that it cannot read: ${decoded.error.message}`);
    this.received.push(decoded.frame);
    done();
  }
}
