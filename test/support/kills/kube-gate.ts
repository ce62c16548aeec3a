import { once } from 'node:events';
import {
  connect,
  constants,
  createSecureServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { KubeEndpoint } from '../../../agent/src/kube/transport/credentials.ts';
import { createTestAuthority } from '../../../agent/src/testing/authority.ts';
import { Gate } from './gate.ts';

/** Longer than any run. */
const CERTIFICATE_MS = 6 * 3_600_000;
/** As the API server allows. */
const MAX_STREAMS = 100;

/**
 * Stands between an agent and the API server and passes everything on as it is, but each change of the cluster goes
 * through a {@link Gate}. One connection here is one there: when one ends, so does the other.
 */
export class KubeGate {
  readonly gate = new Gate();
  readonly url: string;
  readonly caPem: string;
  readonly #server: Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();

  private constructor(server: Http2SecureServer, caPem: string, endpoint: KubeEndpoint) {
    this.#server = server;
    this.caPem = caPem;
    this.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('session', (session) => this.#join(session, endpoint));
  }

  static async open(endpoint: KubeEndpoint): Promise<KubeGate> {
    const { caPem, cert, key } = await createTestAuthority({ notAfterMs: CERTIFICATE_MS });
    const server = createSecureServer({ cert, key, settings: { maxConcurrentStreams: MAX_STREAMS } });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new KubeGate(server, caPem, endpoint);
  }

  async close(): Promise<void> {
    for (const session of this.#sessions) session.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(session: ServerHttp2Session, { url, tls }: KubeEndpoint): void {
    const upstream = connect(url, { ...(tls.ca && { ca: tls.ca }), ALPNProtocols: ['h2'] });
    this.#sessions.add(session);
    const end = (): void => {
      this.#sessions.delete(session);
      session.destroy();
      upstream.destroy();
    };
    for (const side of [session, upstream]) side.on('error', () => undefined).on('close', end);
    session.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      void this.#carry(stream, headers, upstream).then((isLost) => isLost && end());
    });
  }

  /** @returns whether something of it was lost, and the connection with it */
  async #carry(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    upstream: ClientHttp2Session,
  ): Promise<boolean> {
    const words = wordsOfChange(headers);
    const passage = words === undefined ? undefined : await this.gate.pass(words);
    if (passage?.isLost) return true;
    if (stream.destroyed || upstream.destroyed) return false;
    const { ':authority': _ours, ...sent } = headers;
    const further = upstream.request(sent, { endStream: stream.endAfterHeaders });
    further.on('error', () => undefined);
    if (!stream.endAfterHeaders) stream.pipe(further);
    stream.on('close', () => further.close(constants.NGHTTP2_CANCEL));
    const answer = await headersOf(further);
    if (!answer || (await passage?.answered())) return true;
    if (stream.destroyed) return false;
    stream.respond(answer);
    further.pipe(stream);
    return false;
  }
}

/** Undefined when the stream ended without an answer. */
function headersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders | undefined> {
  return new Promise((resolve) => {
    stream.once('response', resolve);
    stream.once('close', () => resolve(undefined));
  });
}

/** Renewed and told by the clock, not by what an operation does. */
const BY_THE_CLOCK = /\/(leases|agents)\//;

/** `PATCH operations/op-1/status` for what changes something; undefined for questions and dry runs. */
function wordsOfChange(headers: IncomingHttpHeaders): string | undefined {
  const method = String(headers[':method']);
  const [path = '', query = ''] = String(headers[':path']).split('?');
  const isQuestion = method === 'GET' || path.includes('/authorization.k8s.io/') || query.includes('dryRun=');
  if (isQuestion || BY_THE_CLOCK.test(path)) return undefined;
  return `${method} ${path.replace(/^.*\/namespaces\/[^/]+\//, '')}`;
}
