import WebSocket from 'ws';
import { AGENT_PATHS, CLOSE_CODES, LIMITS, SUBPROTOCOL, type CloseReason } from '@steward/shared';
import { refusalOfResponse, type HubHttp, type Refusal } from '../hub-http.ts';
import type { Wire } from '../outbox/outbound.ts';
import { Watchdog } from './watchdog.ts';

/** What became of one attempt to be connected. `connectedMs`: from the open socket to its end. */
export type ConnectionEnd =
  | { kind: 'refused'; refusal: Refusal }
  | { kind: 'failed'; error: Error }
  | { kind: 'closed'; code: number; reason: string; connectedMs: number }
  | { kind: 'silent'; connectedMs: number };

export interface ConnectionTimings {
  handshakeTimeoutMs: number;
  silenceTimeoutMs: number;
}
export const CONNECTION_TIMINGS: ConnectionTimings = {
  handshakeTimeoutMs: 20_000,
  silenceTimeoutMs: LIMITS.silenceTimeoutMs,
};
/** A peer that does not answer our close is cut off after this. */
const CLOSE_TIMEOUT_MS = 1_000;

export interface ConnectionOptions {
  http: HubHttp;
  token: string;
  timings: ConnectionTimings;
  onOpen: (connection: Connection) => void;
  onMessage: (data: Buffer, isBinary: boolean) => void;
  signal: AbortSignal;
}

export interface Connection extends Wire {
  /** Ends it with one of our codes; the reason is for the other side's log. */
  end(why: CloseReason, reason: string): void;
}

/** Dials once and resolves when that is over, one way or the other. Never rejects. The signal closes it properly. */
export function runConnection(options: ConnectionOptions): Promise<ConnectionEnd> {
  const { http, token, timings, signal } = options;
  return new Promise((resolve) => {
    const url = new URL(AGENT_PATHS.connect, http.hubUrl);
    url.protocol = http.hubUrl.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(url, [SUBPROTOCOL], {
      agent: http.agent,
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      maxPayload: LIMITS.maxFrameBytes,
      handshakeTimeout: timings.handshakeTimeoutMs,
      followRedirects: false,
    });
    let openedMs: number | undefined;
    let failure: Error | undefined;
    let isSilent = false;
    let watchdog: Watchdog | undefined;
    let killer: NodeJS.Timeout | undefined;
    const end = (why: CloseReason, reason: string): void => {
      socket.close(CLOSE_CODES[why].code, reason.slice(0, 100));
      killer ??= setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS);
    };
    const stop = (): void => {
      if (socket.readyState === WebSocket.OPEN) end('goingAway', 'the agent stops');
      else socket.terminate();
    };
    const finish = (result: ConnectionEnd): void => {
      watchdog?.stop();
      clearTimeout(killer);
      signal.removeEventListener('abort', stop);
      resolve(result);
    };

    socket.on('open', () => {
      openedMs = performance.now();
      watchdog = new Watchdog(timings.silenceTimeoutMs, () => {
        isSilent = true;
        socket.terminate();
      });
      options.onOpen({
        send: (text, sent) => socket.send(text, (error) => error ?? sent()),
        bufferedBytes: () => socket.bufferedAmount,
        end,
      });
    });
    socket.on('ping', () => watchdog?.heard());
    socket.on('pong', () => watchdog?.heard());
    socket.on('message', (data: Buffer, isBinary) => {
      watchdog?.heard();
      if (socket.readyState === WebSocket.OPEN) options.onMessage(data, isBinary);
    });
    socket.on('unexpected-response', (request, response) => {
      void refusalOfResponse(response).then((refusal) => {
        request.destroy();
        finish({ kind: 'refused', refusal });
      });
    });
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('close', (code, reason) => {
      if (openedMs === undefined)
        finish({ kind: 'failed', error: failure ?? new Error('the connection ended before it was made') });
      else {
        const connectedMs = performance.now() - openedMs;
        finish(
          isSilent
            ? { kind: 'silent', connectedMs }
            : { kind: 'closed', code, reason: reason.toString('utf8') || (failure?.message ?? ''), connectedMs },
        );
      }
    });
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
