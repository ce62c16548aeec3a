import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { eventually } from './eventually.ts';
import WebSocket, { WebSocketServer } from 'ws';
import {
  AGENT_PATHS,
  decodeAgentFrame,
  LIMITS,
  PROBLEM_TYPE_PREFIX,
  PROBLEMS,
  SUBPROTOCOL,
  type AgentFrame,
  type AgentFrameOf,
  type HubFrame,
  type HubFrameOf,
  type ProblemCode,
} from '@steward/shared';

export const CLUSTER_ID = '11111111-1111-4111-8111-111111111111';

export interface HubReply {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
}

/** The hub's side of one connection, as the test drives it. */
export class TestSession {
  readonly frames: AgentFrame[] = [];
  readonly socket: WebSocket;
  readonly authorization: string;
  closedWith: { code: number; reason: string } | undefined;

  constructor(socket: WebSocket, authorization: string) {
    this.socket = socket;
    this.authorization = authorization;
    socket.on('message', (data: Buffer) => {
      const decoded = decodeAgentFrame(data.toString('utf8'));
      if (!decoded.ok) throw new Error(`the agent sent what cannot be read: ${decoded.error.message}`);
      this.frames.push(decoded.frame);
    });
    socket.on('error', () => {});
    socket.on('close', (code, reason) => {
      this.closedWith = { code, reason: reason.toString('utf8') };
    });
  }

  send(frame: HubFrame | string | Buffer): void {
    this.socket.send(typeof frame === 'string' || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  async welcome(change: Partial<HubFrameOf<'welcome'>['b']> = {}): Promise<AgentFrameOf<'hello'>['b']> {
    const hello = await this.frame('hello');
    this.send({
      t: 'welcome',
      b: {
        epoch: 1,
        serverTime: new Date().toISOString(),
        features: [],
        cursors: {},
        heartbeatIntervalMs: LIMITS.heartbeatIntervalMs,
        clusterId: CLUSTER_ID,
        organization: 'acme',
        ...change,
      },
    });
    return hello.b;
  }

  all<T extends AgentFrame['t']>(type: T): AgentFrameOf<T>[] {
    return this.frames.filter((frame): frame is AgentFrameOf<T> => frame.t === type);
  }

  /** Waits for the n-th frame of that type. */
  frame<T extends AgentFrame['t']>(type: T, nth = 0): Promise<AgentFrameOf<T>> {
    return eventually(() => {
      const found = this.all(type)[nth];
      if (!found) throw new Error(`no ${type} number ${nth}; there are ${this.frames.map(({ t }) => t).join(', ')}`);
      return found;
    });
  }

  closed(): Promise<{ code: number; reason: string }> {
    return eventually(() => {
      if (!this.closedWith) throw new Error('still open');
      return this.closedWith;
    });
  }
}

/** A hub that does what a test tells it, on loopback. Accepts everybody unless told. */
export class TestHub {
  readonly sessions: TestSession[] = [];
  readonly enrolments: Record<string, unknown>[] = [];
  readonly upgrades: IncomingMessage[] = [];
  onUpgrade: (request: IncomingMessage) => HubReply | undefined = () => undefined;
  onEnrol: (request: Record<string, unknown>) => HubReply = () => ({
    status: 200,
    body: { clusterId: CLUSTER_ID, organization: 'acme', cluster: 'production' },
  });
  onRequest: (request: IncomingMessage) => HubReply = () => ({ status: 404 });
  readonly #server: Server;
  readonly #isSecure: boolean;
  readonly #sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

  constructor(tls?: { key: string; cert: string }) {
    this.#isSecure = tls !== undefined;
    const serve = (
      request: IncomingMessage,
      response: Parameters<Parameters<typeof createServer>[1] & {}>[1],
    ): void => {
      void readJson(request).then((body) => {
        const isEnrol = request.url === AGENT_PATHS.enrol;
        if (isEnrol) this.enrolments.push(body);
        const { status, headers = {}, body: answer } = isEnrol ? this.onEnrol(body) : this.onRequest(request);
        response.writeHead(status, headers);
        response.end(Buffer.isBuffer(answer) ? answer : JSON.stringify(answer ?? {}));
      });
    };
    this.#server = tls ? createTlsServer(tls, serve) : createServer(serve);
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const { socket } of this.sessions) socket.terminate();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  get port(): number {
    const address = this.#server.address();
    if (!address || typeof address === 'string') throw new Error('the hub is not running');
    return address.port;
  }

  get url(): URL {
    return new URL(`${this.#isSecure ? 'https' : 'http'}://127.0.0.1:${this.port}`);
  }

  /** Waits for the n-th connection. */
  session(nth = 0): Promise<TestSession> {
    return eventually(() => {
      const session = this.sessions[nth];
      if (!session) throw new Error(`no connection number ${nth}; there are ${this.sessions.length}`);
      return session;
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.upgrades.push(request);
    // Of a refused one that its caller ends at once.
    socket.on('error', () => {});
    const refusal = this.onUpgrade(request);
    const protocols = request.headers['sec-websocket-protocol'];
    if (refusal || request.url !== AGENT_PATHS.connect || protocols !== SUBPROTOCOL) {
      const { status, headers = {}, body = {} } = refusal ?? { status: 400 };
      const text = JSON.stringify(body);
      const lines = Object.entries({
        ...headers,
        'content-length': String(Buffer.byteLength(text)),
        connection: 'close',
      });
      socket.end(
        `HTTP/1.1 ${status} X\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
      );
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      this.sessions.push(new TestSession(client, request.headers.authorization ?? ''));
    });
  }
}

/** A refusal as the hub words it. */
export function problem(
  code: ProblemCode,
  detail: string,
  headers: Record<string, string> = {},
  action?: string,
): HubReply {
  const status = PROBLEMS[code];
  return {
    status,
    headers,
    body: {
      type: `${PROBLEM_TYPE_PREFIX}${code}`,
      title: code,
      status,
      detail,
      ...(action !== undefined && { action }),
    },
  };
}

async function readJson(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>);
}
