import { constants, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import type { KubeEndpoint } from './credentials.ts';
import { isKubeError, KubeError, kubeErrorOf } from '../error.ts';
import { readLines } from './lines.ts';
import { ServerClock } from './server-clock.ts';
import { Http2Sessions, type SessionTimings, type Stream } from './sessions.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
/** etcd holds objects of up to 1.5 MiB; JSON may need twice that. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With its query. */
  path: string;
  accept?: string;
  contentType?: string;
  body?: unknown;
  timeoutMs?: number;
  maxAnswerBytes?: number;
  signal?: AbortSignal | undefined;
}

export interface StreamRequest {
  path: string;
  signal: AbortSignal;
  /** Called for each line, in order. What it throws ends the stream. */
  onLine: (line: string) => void;
  /** The server accepted: lines may follow. */
  onOpen?: () => void;
  /** Silence after which the stream is ended with `Timeout`. */
  silenceMs: number;
}

/** Asked before each request that may change something, except a Lease's, by which it finds its answer. Throws to refuse it. */
export type BeforeChange = () => Promise<void>;
const LEASES = /\/apis\/coordination\.k8s\.io\//;

/** Requests and line streams to the API server, with a bound on time and size. Knows nothing of kinds. */
export class KubeTransport {
  readonly clock = new ServerClock();
  readonly #endpoint: KubeEndpoint;
  readonly #sessions: Http2Sessions;
  readonly #beforeChange: BeforeChange | undefined;

  constructor(endpoint: KubeEndpoint, timings?: SessionTimings, beforeChange?: BeforeChange) {
    this.#endpoint = endpoint;
    this.#sessions = new Http2Sessions(endpoint, timings);
    this.#beforeChange = beforeChange;
  }

  /** @returns the parsed answer of a 2xx. @throws KubeError for everything else */
  async request(request: KubeRequest): Promise<unknown> {
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    if (request.method !== 'GET' && !LEASES.test(request.path)) await this.#beforeChange?.();
    const send = (): Promise<Answer> => this.#send(request, what);
    // The server refused the stream unread (it is going away): nothing has happened yet.
    const { status, text } = await send().catch((error: unknown) => {
      if (!isKubeError(error, REFUSED)) throw error;
      return send();
    });
    const body = parseAnswer(text, status, what);
    if (status < 200 || status > 299) throw kubeErrorOf(status, body, what);
    return body;
  }

  /** Resolves when the server ends the stream or the signal fires. @throws KubeError */
  async stream(request: StreamRequest): Promise<void> {
    const what = `GET ${request.path.split('?', 1)[0]}`;
    if (request.signal.aborted) return;
    const headers = await this.#headers({ method: 'GET', path: request.path });
    const taken = await this.#sessions.acquire('watch').catch((error: unknown) => Promise.reject(wrap(error, what)));
    try {
      await this.#readStream(taken, taken.http2.request(headers), request);
    } catch (error) {
      if (!request.signal.aborted) throw wrap(error, what);
    } finally {
      taken.release();
    }
  }

  close(): void {
    this.#sessions.close();
  }

  async #send(request: KubeRequest, what: string): Promise<Answer> {
    const { timeoutMs = REQUEST_TIMEOUT_MS, maxAnswerBytes = MAX_ANSWER_BYTES, signal } = request;
    signal?.throwIfAborted();
    const headers = await this.#headers(request);
    const taken = await this.#sessions.acquire('request').catch((error: unknown) => Promise.reject(wrap(error, what)));
    let timer: NodeJS.Timeout | undefined;
    let abort: (() => void) | undefined;
    try {
      const stream = taken.http2.request(headers, { endStream: request.body === undefined });
      timer = setTimeout(() => {
        stream.destroy(new KubeError(`${what}: no answer within ${timeoutMs} ms`, { status: 0, reason: 'Timeout' }));
      }, timeoutMs);
      abort = () => void stream.destroy(abortError());
      signal?.addEventListener('abort', abort, { once: true });
      if (request.body !== undefined) stream.end(JSON.stringify(request.body));
      const status = await this.#statusOf(stream);
      const text = await collect(stream, maxAnswerBytes);
      taken.heard();
      return { status, text };
    } catch (error) {
      throw wrap(error, what);
    } finally {
      clearTimeout(timer);
      if (abort) signal?.removeEventListener('abort', abort);
      taken.release();
    }
  }

  async #readStream(taken: Stream, stream: ClientHttp2Stream, request: StreamRequest): Promise<void> {
    const { signal, silenceMs } = request;
    const what = `GET ${request.path.split('?', 1)[0]}`;
    const watchdog = setTimeout(() => {
      stream.destroy(new KubeError(`${what}: silent for ${silenceMs} ms`, { status: 0, reason: 'Timeout' }));
    }, silenceMs);
    const stop = (): void => stream.close(constants.NGHTTP2_CANCEL);
    signal.addEventListener('abort', stop, { once: true });
    try {
      if (signal.aborted) stop();
      const status = await this.#statusOf(stream);
      if (status !== 200) throw kubeErrorOf(status, parseAnswer(await collect(stream, 65_536), status, what), what);
      request.onOpen?.();
      await readLines(stream, {
        maxLineBytes: MAX_LINE_BYTES,
        onChunk: () => {
          watchdog.refresh();
          taken.heard();
        },
        onLine: (line) => {
          if (!signal.aborted) request.onLine(line);
        },
      });
    } finally {
      clearTimeout(watchdog);
      signal.removeEventListener('abort', stop);
      stop();
    }
  }

  async #headers(request: KubeRequest): Promise<OutgoingHttpHeaders> {
    const authorization = await this.#endpoint.authorization();
    return {
      ':method': request.method,
      ':path': `${this.#endpoint.url.pathname.replace(/\/$/, '')}${request.path}`,
      accept: request.accept ?? 'application/json',
      'user-agent': 'steward-agent',
      ...(authorization === undefined ? {} : { authorization }),
      ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
    };
  }

  #statusOf(stream: ClientHttp2Stream): Promise<number> {
    return new Promise((resolve, reject) => {
      // Stays for the life of the stream: an error after the answer began is thrown by whoever reads.
      stream.on('error', reject);
      stream.once('close', () => reject(new Error('the connection ended before the answer')));
      stream.once('response', (headers) => {
        this.clock.observe(headers.date);
        resolve(headers[':status'] ?? 0);
      });
    });
  }
}

interface Answer {
  status: number;
  text: string;
}

/** As `AbortSignal.reason` would be by default. */
function abortError(): Error {
  return new DOMException('the request was given up', 'AbortError');
}

const REFUSED = 'RefusedUnread';

async function collect(stream: ClientHttp2Stream, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      stream.close(constants.NGHTTP2_CANCEL);
      throw new KubeError(`the answer is larger than ${maxBytes} bytes`, { status: 0, reason: 'TooLarge' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseAnswer(text: string, status: number, what: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    if (status > 299) return undefined;
    throw new KubeError(`${what}: the answer is not JSON`, { status: 0, reason: 'Malformed' }, { cause });
  }
}

function wrap(error: unknown, what: string): Error {
  if (isKubeError(error) || !(error instanceof Error)) return error instanceof Error ? error : new Error(String(error));
  if (error.name === 'AbortError') return error;
  const code = 'code' in error ? String(error.code) : '';
  const wasUnread =
    code === 'ERR_HTTP2_GOAWAY_SESSION' || code === 'ERR_HTTP2_INVALID_SESSION' || /REFUSED_STREAM/.test(error.message);
  return new KubeError(
    `${what}: ${error.message}`,
    { status: 0, reason: wasUnread ? REFUSED : 'Unreachable' },
    { cause: error },
  );
}
