import {
  CLOSE_CODES,
  LIMITS,
  type AgentFrameOf,
  type CloseReason,
  type HubFrame,
  type HubFrameOf,
} from '@steward/shared';
import type { Clock } from './clock.ts';
import { InboundQueue, type Inbound } from './inbound.ts';
import { Outbound } from './outbound.ts';
import type { SessionSocket } from './session-socket.ts';
import { Watchdog } from './watchdog.ts';

/** Whose session it is. Every write of the session holds only while `epoch` is still the cluster's. */
export interface SessionIdentity {
  clusterId: string;
  organizationId: string;
  customerId: string;
  /** Slug of the vendor. */
  organization: string;
  epoch: number;
}

export type Hello = AgentFrameOf<'hello'>['b'];
export type Welcome = HubFrameOf<'welcome'>['b'];

/** What becomes of frames. Calls come one at a time and in order; the next waits until the promise ends. */
export interface SessionRouter {
  greet(session: AgentSession, hello: Hello): Promise<Welcome>;
  /** After the welcome has been sent: offer again what is unfinished. */
  welcomed(session: AgentSession, hello: Hello): Promise<void>;
  route(session: AgentSession, inbound: Exclude<Inbound, { kind: 'unknown-type' | 'bad-frame' }>): Promise<void>;
  /** With which close code a failure of the above ends the session. */
  closeReasonOf(error: unknown): CloseReason;
  received(type: string): void;
  sent(type: HubFrame['t']): void;
  /** Once, when the connection is over. */
  closed(session: AgentSession, code: number): void;
}

const HELLO_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 5_000;
const MAX_QUEUED_CHARACTERS = LIMITS.maxFrameBytes;

/** One agent's connection: reads its frames in order from a bounded queue, answers, and ends it with a named code. */
export class AgentSession {
  readonly identity: SessionIdentity;
  readonly #socket: SessionSocket;
  readonly #router: SessionRouter;
  readonly #clock: Clock;
  readonly #queue = new InboundQueue();
  readonly #outbound: Outbound;
  readonly #watchdog: Watchdog;
  #state: 'greeting' | 'open' | 'closing' | 'closed' = 'greeting';
  #isDraining = false;
  #isPaused = false;
  #cancelTimer: () => void;

  constructor(identity: SessionIdentity, socket: SessionSocket, router: SessionRouter, clock: Clock) {
    this.identity = identity;
    this.#socket = socket;
    this.#router = router;
    this.#clock = clock;
    this.#outbound = new Outbound(
      socket,
      () => this.close('silence', 'the reader was too slow'),
      (type) => router.sent(type),
    );
    this.#watchdog = new Watchdog(clock, {
      ping: () => socket.ping(),
      onSilence: () => this.#onSilence(),
    });
    this.#watchdog.start();
    this.#cancelTimer = clock.after(HELLO_TIMEOUT_MS, () =>
      this.close('protocol', `no hello within ${HELLO_TIMEOUT_MS / 1000} s`),
    );
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** When anything last came from the agent; Unix milliseconds. */
  get heardAt(): number {
    return this.#watchdog.heardAt;
  }

  /** A message of the socket, in order. */
  receive(data: string | Buffer, isBinary: boolean): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.heard();
    if (Buffer.byteLength(data) > LIMITS.maxFrameBytes) return this.close('tooBig');
    if (isBinary) return this.close('badFrame', 'binary frames are not spoken in this version');
    this.#queue.push(String(data));
    if (this.#queue.length >= LIMITS.maxQueuedFrames || this.#queue.characters >= MAX_QUEUED_CHARACTERS) {
      this.#isPaused = true;
      this.#socket.pause();
    }
    if (!this.#isDraining) void this.#drain();
  }

  /** A ping or pong came. */
  heard(): void {
    this.#watchdog.heard();
  }

  /** Leaves at once, before any intent that waits. */
  control(frame: HubFrame): void {
    this.#outbound.control(frame);
  }

  /** Leaves after the welcome and when the socket has room; a newer one of the same key replaces one that waits. */
  intent(key: string, frame: HubFrame): void {
    this.#outbound.intent(key, frame);
  }

  ack(stream: string, upTo: number): void {
    this.control({ t: 'ack', b: { stream, upTo } });
  }

  goaway(reason: string, minDelayMs: number, maxDelayMs: number): void {
    this.control({ t: 'goaway', b: { reason, minDelayMs, maxDelayMs } });
    this.close('goingAway', reason);
  }

  /** Ends the connection: nothing more is read or sent. What was not acked comes again on the next one. */
  close(reason: CloseReason, detail?: string): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#stop('closing');
    const { code, meaning } = CLOSE_CODES[reason];
    this.#cancelTimer = this.#clock.after(CLOSE_TIMEOUT_MS, () => this.#socket.terminate());
    this.#socket.close(code, shortened(detail ?? meaning));
  }

  /** The connection is over, whoever ended it. */
  closed(code: number): void {
    if (this.#state === 'closed') return;
    this.#stop('closed');
    this.#router.closed(this, code);
  }

  #stop(state: 'closing' | 'closed'): void {
    this.#state = state;
    this.#cancelTimer();
    this.#watchdog.stop();
    this.#outbound.end();
    this.#queue.clear();
  }

  #onSilence(): void {
    // Held back by us, the agent's pongs are too: that is no silence.
    if (this.#isPaused) {
      this.#watchdog.heard();
      this.#watchdog.start();
      return;
    }
    this.close('silence');
    this.#socket.terminate();
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    try {
      for (let next = this.#queue.take(); next; next = this.#queue.take()) {
        await this.#handle(next);
        this.#resumeWhenLow();
      }
    } catch (error) {
      this.close(this.#router.closeReasonOf(error));
    } finally {
      this.#isDraining = false;
    }
  }

  #resumeWhenLow(): void {
    if (!this.#isPaused || this.#queue.length > LIMITS.maxQueuedFrames / 2) return;
    if (this.#queue.characters > MAX_QUEUED_CHARACTERS / 2) return;
    this.#isPaused = false;
    this.heard();
    this.#socket.resume();
  }

  async #handle(inbound: Inbound): Promise<void> {
    switch (inbound.kind) {
      case 'bad-frame':
        this.#router.received('bad');
        return this.close('badFrame', inbound.message);
      case 'unknown-type':
        this.#router.received('unknown');
        return this.control({ t: 'error', b: { code: 'unknown-type', message: inbound.message } });
      case 'bad-report':
        this.#router.received('bad');
        if (this.#state === 'greeting') return this.close('protocol', 'the first frame must be hello');
        this.control({ t: 'error', b: { code: inbound.kind, message: inbound.message.slice(0, 1_000) } });
        return this.#router.route(this, inbound);
      case 'frame':
        this.#router.received(inbound.frame.t);
        if (this.#state === 'greeting') return this.#greet(inbound.frame);
        if (inbound.frame.t === 'hello') return this.close('badFrame', 'a second hello');
        return this.#router.route(this, inbound);
      case 'records':
        for (const { content } of inbound.records) this.#router.received('t' in content ? content.t : content.type);
        if (this.#state === 'greeting') return this.close('protocol', 'the first frame must be hello');
        return this.#router.route(this, inbound);
    }
  }

  async #greet(frame: Extract<Inbound, { kind: 'frame' }>['frame']): Promise<void> {
    if (frame.t !== 'hello') return this.close('protocol', 'the first frame must be hello');
    const welcome = await this.#router.greet(this, frame.b);
    if (this.#state !== 'greeting') return;
    this.#cancelTimer();
    this.#state = 'open';
    this.control({ t: 'welcome', b: welcome });
    this.#outbound.open();
    await this.#router.welcomed(this, frame.b);
  }
}

/** A close frame's reason has at most 123 bytes. */
function shortened(text: string): string {
  return Buffer.from(text)
    .subarray(0, 120)
    .toString()
    .replace(/\uFFFD$/, '');
}
