import type { AgentFrameOf, HubFrameOf } from '@steward/shared';
import type { Log } from '../../log.ts';
import { runConnection, type Connection, type ConnectionEnd, type ConnectionTimings } from './connection.ts';
import type { HubHttp } from '../hub-http.ts';
import { Inbound } from './inbound.ts';
import type { LinkPeer } from '../link.ts';
import type { Outbound } from '../outbox/outbound.ts';

type Goaway = HubFrameOf<'goaway'>['b'];

export interface SessionOptions {
  http: HubHttp;
  token: string;
  timings: ConnectionTimings;
  outbound: Outbound;
  peer: LinkPeer;
  hello: AgentFrameOf<'hello'>['b'];
  log: Log;
  /** @param clockSkewMs this machine's clock minus the hub's */
  onWelcome: (welcome: HubFrameOf<'welcome'>['b'], clockSkewMs: number) => void;
  signal: AbortSignal;
}

export interface SessionEnd {
  connection: ConnectionEnd;
  isWelcomed: boolean;
  goaway: Goaway | undefined;
  /** What we ended it for, when it was us. */
  complaint: string | undefined;
}

const WELCOME_TIMEOUT_MS = 15_000;
/** Complaints about unknown types per session: a hub that only sends those must not make us talk for ever. */
const MAX_UNKNOWN_TYPES = 20;

/** One connection from hello to its end, with both directions in their own files. Never rejects. */
export async function runSession(options: SessionOptions): Promise<SessionEnd> {
  const { outbound, peer, log } = options;
  const end: SessionEnd = {
    connection: { kind: 'failed', error: new Error('not tried') },
    isWelcomed: false,
    goaway: undefined,
    complaint: undefined,
  };
  let connection: Connection | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let unknownTypes = 0;
  let helloMs = 0;
  const complain: Connection['end'] = (why, message) => {
    end.complaint ??= message;
    log.warn('ending the connection to the hub', { why, reason: message });
    connection?.end(why, message);
  };
  const welcomeTimer = setTimeout(
    () => complain('protocol', 'no welcome came after hello'),
    options.timings.handshakeTimeoutMs + WELCOME_TIMEOUT_MS,
  );

  const inbound = new Inbound({
    onWelcome: (welcome) => {
      if (!connection) return;
      clearTimeout(welcomeTimer);
      end.isWelcomed = true;
      const skewMs = Math.round((helloMs + Date.now()) / 2 - Date.parse(welcome.serverTime));
      outbound.open(connection, welcome);
      heartbeat = setInterval(() => outbound.heartbeat(), welcome.heartbeatIntervalMs);
      options.onWelcome(welcome, skewMs);
    },
    onAck: (stream, upTo) => outbound.onAck(stream, upTo),
    onDesired: (frame) => peer.onDesired(frame.b, { traceparent: frame.tp }),
    onCancel: (frame) => peer.onCancel(frame.b),
    onResync: (reason) => {
      log.debug('the hub asks for full reports', { reason });
      outbound.resync();
    },
    onGoaway: (goaway) => {
      end.goaway = goaway;
      connection?.end('goingAway', 'as asked');
    },
    onError: (error) => log.warn('the hub could not use what the agent sent', { error }),
    onUnknownType: (message) => {
      unknownTypes += 1;
      if (unknownTypes <= MAX_UNKNOWN_TYPES) outbound.control({ t: 'error', b: { code: 'unknown-type', message } });
    },
    onBroken: complain,
  });

  end.connection = await runConnection({
    http: options.http,
    token: options.token,
    timings: options.timings,
    signal: options.signal,
    onOpen: (opened) => {
      connection = opened;
      helloMs = Date.now();
      opened.send(JSON.stringify({ t: 'hello', b: options.hello }), () => {});
    },
    onMessage: (data, isBinary) => inbound.onMessage(data, isBinary),
  });
  clearTimeout(welcomeTimer);
  clearInterval(heartbeat);
  outbound.close();
  return end;
}
