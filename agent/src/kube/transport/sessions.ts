import { connect, constants, type ClientHttp2Session } from 'node:http2';
import type { KubeEndpoint } from './credentials.ts';
import { KubeError } from '../error.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** A connection with open streams that was silent this long is pinged; without an answer it is ended. */
const PING_AFTER_MS = 30_000;
const PING_TIMEOUT_MS = 15_000;
/** Streams left free on a connection, so that requests never wait behind watches. */
const RESERVED_STREAMS = 20;

export interface SessionTimings {
  connectTimeoutMs?: number;
  pingAfterMs?: number;
  pingTimeoutMs?: number;
}

interface Session {
  http2: ClientHttp2Session;
  openStreams: number;
  lastHeardMs: number;
  /** The server said goaway: what is under way may end there, new streams go elsewhere. */
  isDraining: boolean;
}

export interface Stream {
  http2: ClientHttp2Session;
  /** Tells that the server said something. */
  heard: () => void;
  /** Tells that the stream is over. Safe twice. */
  release: () => void;
}

/**
 * Keeps one HTTP/2 connection to the API server, and another one only when the first has no streams left (the API server
 * allows 100). A connection that ended is forgotten; the next request makes a new one.
 */
export class Http2Sessions {
  readonly #endpoint: KubeEndpoint;
  readonly #timings: Required<SessionTimings>;
  #sessions: Session[] = [];
  #connecting: Promise<void> | undefined;
  #pinger: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(endpoint: KubeEndpoint, timings: SessionTimings = {}) {
    this.#endpoint = endpoint;
    this.#timings = {
      connectTimeoutMs: timings.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      pingAfterMs: timings.pingAfterMs ?? PING_AFTER_MS,
      pingTimeoutMs: timings.pingTimeoutMs ?? PING_TIMEOUT_MS,
    };
  }

  /** A live connection with a free stream. @throws KubeError `Unreachable` */
  async acquire(use: 'request' | 'watch'): Promise<Stream> {
    let session = this.#free(use);
    while (!session) {
      await (this.#connecting ??= this.#connect());
      session = this.#free(use);
    }
    const taken = session;
    taken.openStreams += 1;
    let isReleased = false;
    return {
      http2: taken.http2,
      heard: () => {
        taken.lastHeardMs = performance.now();
      },
      release: () => {
        if (!isReleased) taken.openStreams -= 1;
        isReleased = true;
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#pinger);
    for (const { http2 } of this.#sessions) http2.destroy();
    this.#sessions = [];
  }

  #free(use: 'request' | 'watch'): Session | undefined {
    return this.#sessions.find(({ http2, openStreams, isDraining }) => {
      const allowed = http2.remoteSettings?.maxConcurrentStreams ?? 100;
      const limit = use === 'watch' ? allowed - RESERVED_STREAMS : allowed;
      return !isDraining && !http2.closed && !http2.destroyed && openStreams < Math.max(1, limit);
    });
  }

  async #connect(): Promise<void> {
    try {
      if (this.#isClosed) throw new Error('the client was closed');
      const http2 = await this.#dial();
      const session: Session = { http2, openStreams: 0, lastHeardMs: performance.now(), isDraining: false };
      this.#sessions.push(session);
      const forget = (): void => {
        this.#sessions = this.#sessions.filter((other) => other !== session);
        if (this.#sessions.length === 0) this.#stopPinging();
      };
      http2.on('close', forget);
      http2.on('error', forget);
      http2.on('goaway', () => {
        session.isDraining = true;
      });
      this.#startPinging();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const detail = { status: 0, reason: 'Unreachable' };
      throw new KubeError(`the API server at ${this.#endpoint.url.host} cannot be reached: ${why}`, detail, { cause });
    } finally {
      this.#connecting = undefined;
    }
  }

  #dial(): Promise<ClientHttp2Session> {
    const { connectTimeoutMs } = this.#timings;
    return new Promise((resolve, reject) => {
      const http2 = connect(this.#endpoint.url, { ...this.#endpoint.tls, ALPNProtocols: ['h2'] });
      const timer = setTimeout(
        () => http2.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
        connectTimeoutMs,
      );
      http2.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      // Not before the server's settings, which say how many streams it allows.
      http2.once('remoteSettings', () => {
        clearTimeout(timer);
        resolve(http2);
      });
      http2.once('close', () => reject(new Error('the connection was closed while it was being made')));
    });
  }

  #startPinging(): void {
    this.#pinger ??= setInterval(() => this.#pingSilent(), this.#timings.pingAfterMs / 2);
    this.#pinger.unref();
  }

  #stopPinging(): void {
    clearInterval(this.#pinger);
    this.#pinger = undefined;
  }

  #pingSilent(): void {
    for (const session of this.#sessions) {
      const { http2 } = session;
      if (session.openStreams === 0 || performance.now() - session.lastHeardMs < this.#timings.pingAfterMs) continue;
      const timer = setTimeout(() => {
        http2.destroy(new Error('the API server did not answer a ping'), constants.NGHTTP2_CANCEL);
      }, this.#timings.pingTimeoutMs);
      const wasSent = http2.ping((error) => {
        clearTimeout(timer);
        if (!error) session.lastHeardMs = performance.now();
      });
      if (!wasSent) clearTimeout(timer);
    }
  }
}
