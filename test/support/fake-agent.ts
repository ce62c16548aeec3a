import {
  AGENT_PATHS,
  decodeHubFrame,
  encodeFrame,
  isFinal,
  LIMITS,
  PRODUCT_VERSION,
  FEATURES,
  SUBPROTOCOL,
  type AgentFrame,
  type AgentFrameOf,
  type ConnectClaims,
  type HubFrame,
  type HubFrameOf,
  type OperationState,
} from '@steward/shared';
import WebSocket from 'ws';
import { claimsOf, enrolFake, FAKE_KUBERNETES_VERSION, signToken } from './fake-identity.ts';
import type { EnrolOptions, FakeIdentity, FakeKeys } from './fake-identity.ts';
import { FakeStreams, type RecordFrame } from './fake-streams.ts';
import { HubRefusal, readAll, requestHub, type HubAddress } from './hub-address.ts';

const WAIT_MS = 10_000;
const MAX_KEPT_FRAMES = 500;

export type Hello = AgentFrameOf<'hello'>['b'];
export type Welcome = HubFrameOf<'welcome'>['b'];
type Result = AgentFrameOf<'result'>['b'];

export interface Ended {
  code: number;
  reason: string;
}

/** How to connect; every option but `hello` is a way to misbehave. */
export interface ConnectOptions {
  hello?: Partial<Hello>;
  subprotocols?: string[];
  /** Replaces claims of the token: an old `iat`, another `cluster`, another `aud`… */
  claims?: Partial<Record<keyof ConnectClaims, unknown>>;
  /** Signs with these instead of the enrolled ones. */
  keys?: FakeKeys;
  /** The whole header; '' sends none. */
  authorization?: string;
  /** How wrong the agent's clock is, in the token and in hello. */
  clockOffsetMs?: number;
  /** `false`: the hub hears nothing, as from a dead peer. */
  answersPings?: boolean;
}

/** `reason`, `plan`, `spans`… of a transition; what is left out is made up, `installationId` and the revision from what came before. */
export type Change = Partial<Result> & Pick<Result, 'state'>;

interface Waiter {
  matches: (frame: HubFrame) => boolean;
  resolve: (frame: HubFrame) => void;
  reject: (error: Error) => void;
}

/**
 * An agent without a cluster: real key, real enrolment, real WebSocket, and frames by hand. It is light (no timers while it is quiet, a bounded
 * number of frames kept), so that thousands fit into one process. Reconnect by calling {@link connect} again.
 */
export class FakeAgent {
  readonly hub: HubAddress;
  readonly identity: FakeIdentity;
  readonly streams = new FakeStreams();
  /** Frames of the hub since the last connect, in order, the last few hundred. */
  frames: HubFrame[] = [];
  /** What the hub sent that is no frame of the contract; a test may expect it to be empty. */
  readonly undecodable: string[] = [];
  #socket: WebSocket | undefined;
  #ended = Promise.withResolvers<Ended>();
  readonly #waiters = new Set<Waiter>();
  #lastIatMs = 0;
  readonly #revisions = new Map<string, number>();
  readonly #installations = new Map<string, string>();

  constructor(hub: HubAddress, identity: FakeIdentity) {
    this.hub = hub;
    this.identity = identity;
  }

  /** @throws HubRefusal when the token is not taken */
  static async enrol(hub: HubAddress, token: string, options?: EnrolOptions): Promise<FakeAgent> {
    return new FakeAgent(hub, await enrolFake(hub, token, options));
  }

  /** A fresh connect token; `iat` rises with each. */
  token({ claims, keys = this.identity.keys, clockOffsetMs = 0 }: ConnectOptions = {}): string {
    this.#lastIatMs = Math.max(Date.now(), this.#lastIatMs + 1);
    const iat = (this.#lastIatMs + clockOffsetMs) / 1_000;
    return signToken({ ...claimsOf(this.identity, iat), ...claims }, keys.privateKey);
  }

  /** Dials, says hello, waits for the welcome. @throws HubRefusal when the upgrade is refused, Error when the hub closes instead */
  async connect(options: ConnectOptions = {}): Promise<Welcome> {
    await this.open(options);
    this.hello(options);
    return (await this.waitFor('welcome')).b;
  }

  /** Dials only. For a second session beside this one make another `FakeAgent` of the same identity. @throws HubRefusal */
  async open(options: ConnectOptions = {}): Promise<void> {
    if (this.isOpen) throw new Error('this fake agent is connected; close or kill it first');
    const url = new URL(AGENT_PATHS.connect, this.hub.url);
    url.protocol = url.protocol.replace('http', 'ws');
    const authorization = options.authorization ?? `Bearer ${this.token(options)}`;
    const socket = new WebSocket(url, options.subprotocols ?? [SUBPROTOCOL], {
      agent: this.hub.http,
      headers: authorization === '' ? {} : { authorization },
      perMessageDeflate: false,
      maxPayload: LIMITS.maxFrameBytes,
      handshakeTimeout: WAIT_MS,
      autoPong: options.answersPings ?? true,
    });
    this.frames = [];
    this.#ended = Promise.withResolvers();
    this.#socket = socket;
    const opened = Promise.withResolvers<void>();
    socket.on('unexpected-response', (_request, response) => {
      void readAll(response).then((body) => {
        opened.reject(new HubRefusal(response.statusCode ?? 0, response.headers, body.toString('utf8')));
        socket.terminate();
      }, opened.reject);
    });
    socket.on('error', opened.reject).on('open', opened.resolve);
    socket.on('message', (data: Buffer) => socket === this.#socket && this.#receive(data.toString('utf8')));
    socket.on('close', (code, reason) => this.#onClose(socket, { code, reason: reason.toString('utf8') }));
    await opened.promise;
  }

  hello({ hello, clockOffsetMs = 0 }: ConnectOptions = {}): void {
    const body: Hello = {
      agentVersion: PRODUCT_VERSION,
      features: [...FEATURES],
      kubernetesVersion: FAKE_KUBERNETES_VERSION,
      clusterUid: this.identity.clusterUid,
      incarnation: this.streams.incarnation,
      clock: new Date(Date.now() + clockOffsetMs).toISOString(),
      installations: [],
      unfinishedOperations: [],
    };
    this.send({ t: 'hello', b: { ...body, ...hello } });
  }

  get isOpen(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** How the current connection ended, or will. */
  get ended(): Promise<Ended> {
    return this.#ended.promise;
  }

  send(frame: AgentFrame): void {
    this.sendRaw(encodeFrame(frame));
  }

  /** Anything: garbage, too much, binary. */
  sendRaw(data: string | Buffer): void {
    if (!this.#socket || !this.isOpen) throw new Error('the fake agent is not connected');
    this.#socket.send(data);
  }

  /** The first such frame since the last connect, also one that came before this call. Fails with the connection, or after a while. */
  async waitFor<K extends HubFrame['t']>(
    type: K,
    predicate: (frame: HubFrameOf<K>) => boolean = () => true,
    timeoutMs = WAIT_MS,
  ): Promise<HubFrameOf<K>> {
    const isOfType = (frame: HubFrame): frame is HubFrameOf<K> => frame.t === type;
    const isSuch = (frame: HubFrame): frame is HubFrameOf<K> => isOfType(frame) && predicate(frame);
    const found = this.frames.find(isSuch);
    if (found) return found;
    if (!this.isOpen) throw new Error(`no ${type} can come: there is no connection`);
    const { promise, resolve, reject } = Promise.withResolvers<HubFrameOf<K>>();
    const waiter: Waiter = { matches: isSuch, resolve: (frame) => isSuch(frame) && resolve(frame), reject };
    const timer = setTimeout(() => {
      const seen = this.frames.map(({ t }) => t).join(', ');
      reject(new Error(`no such ${type} within ${timeoutMs} ms; the hub sent: ${seen || 'nothing'}`));
    }, timeoutMs);
    this.#waiters.add(waiter);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  /** Sends one transition of an operation on the durable stream, as the next revision unless one is given. */
  result(operationId: string, change: Change): AgentFrameOf<'result'> {
    const installationId = change.installationId ?? this.#installations.get(operationId);
    if (installationId === undefined) throw new Error('name the installation: no desired frame told of this operation');
    const revision = change.revision ?? (this.#revisions.get(operationId) ?? 0) + 1;
    this.#revisions.set(operationId, Math.max(revision, this.#revisions.get(operationId) ?? 0));
    const frame: AgentFrameOf<'result'> = {
      t: 'result',
      ...this.streams.next('results'),
      b: {
        operationId,
        phase: isFinal(change.state) ? 'done' : 'apply',
        message: '',
        at: new Date().toISOString(),
        ...change,
        installationId,
        revision,
      },
    };
    this.#record(frame);
    return frame;
  }

  /** Goes through these states and waits until the hub has committed them. */
  async carryOut(
    operationId: string,
    states: readonly OperationState[] = ['accepted', 'running', 'succeeded'],
  ): Promise<void> {
    for (const state of states) this.result(operationId, { state });
    await this.acked();
  }

  event(body: Partial<AgentFrameOf<'event'>['b']> = {}): AgentFrameOf<'event'> {
    const b = { kind: 'health.changed' as const, message: '', at: new Date().toISOString(), ...body };
    const frame: AgentFrameOf<'event'> = { t: 'event', ...this.streams.next('events'), b };
    this.#record(frame);
    return frame;
  }

  metrics(b: AgentFrameOf<'metrics'>['b']): AgentFrameOf<'metrics'> {
    const frame: AgentFrameOf<'metrics'> = { t: 'metrics', ...this.streams.next('metrics'), b };
    this.#record(frame);
    return frame;
  }

  /** Resolves when every record that was sent is acked. */
  async acked(): Promise<void> {
    for (let first = this.streams.unacked[0]; first; first = this.streams.unacked[0]) {
      const { s, q = 0 } = first;
      await this.waitFor('ack', ({ b }) => b.stream === s && b.upTo >= q);
    }
  }

  /** After a reconnect: sends the records again that no ack has covered. */
  resend(): void {
    for (const frame of this.streams.unacked) this.send(frame);
  }

  /** As a new process of the same agent: new streams; results that were not acked go on the new one when sent by {@link resend}. */
  restart(): void {
    this.streams.restart();
  }

  /** `GET` with a connect token, as the agent fetches releases and charts. @throws HubRefusal */
  download(kind: 'releases' | 'charts', digest: string): Promise<Buffer> {
    const headers = { authorization: `Bearer ${this.token()}` };
    return requestHub(this.hub, { method: 'GET', path: `${AGENT_PATHS[kind]}/${digest}`, headers });
  }

  /** Says goodbye and waits until it is over. Safe twice, also before any connect. */
  async close(code = 1000): Promise<void> {
    if (!this.#socket || this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close(code);
    await this.ended;
  }

  /** The socket is gone without a word, as after SIGKILL. */
  async kill(): Promise<void> {
    if (!this.#socket || this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.terminate();
    await this.ended;
  }

  #record(frame: RecordFrame): void {
    this.streams.unacked.push(frame);
    if (this.isOpen) this.send(frame);
  }

  #receive(text: string): void {
    const decoded = decodeHubFrame(text);
    if (!decoded.ok) {
      this.undecodable.push(`${decoded.error.message}: ${text.slice(0, 200)}`);
      return;
    }
    const { frame } = decoded;
    this.#note(frame);
    this.frames.push(frame);
    if (this.frames.length > MAX_KEPT_FRAMES) this.frames.shift();
    for (const waiter of this.#waiters) if (waiter.matches(frame)) waiter.resolve(frame);
  }

  #note(frame: HubFrame): void {
    if (frame.t === 'desired') this.#installations.set(frame.b.operation.id, frame.b.installationId);
    if (frame.t === 'welcome')
      for (const [stream, upTo] of Object.entries(frame.b.cursors)) this.streams.forget(stream, upTo);
    if (frame.t === 'ack') this.streams.forget(frame.b.stream, frame.b.upTo);
  }

  #onClose(socket: WebSocket, ended: Ended): void {
    if (socket !== this.#socket) return;
    this.#ended.resolve(ended);
    const error = new Error(`the hub ended the connection with ${ended.code} ${ended.reason}`);
    for (const waiter of this.#waiters) waiter.reject(error);
  }
}
