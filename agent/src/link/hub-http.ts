import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { compile, Problem, problemCodeOf, SERVER_TIME_HEADER, type ProblemCode } from '@steward/shared';

export interface HubHttpOptions {
  hubUrl: URL;
  /** Trusted instead of the public authorities. */
  caPem: string | undefined;
  /** HTTPS_PROXY, NO_PROXY, … as in the environment. */
  proxyEnv: Record<string, string>;
}

export interface HubRequest {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
  maxBytes: number;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

export interface HubAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** The hub said no before there was a connection, or to a request. */
export interface Refusal {
  status: number;
  code: ProblemCode | undefined;
  /** The hub's own words, when it gave any. */
  detail: string | undefined;
  action: string | undefined;
  retryAfterMs: number | undefined;
  hubTimeMs: number | undefined;
}

/** A connection for requests is closed when it was not used for so long. */
const IDLE_MS = 5_000;
const MAX_PROBLEM_BYTES = 64 * 1024;
const decodeProblem = compile(Problem);

/** HTTPS to the hub, or to a registry: its own authority, the customer's proxy, bounds on size and time. Redirects are not followed. */
export class HubHttp {
  readonly hubUrl: URL;
  /** For the WebSocket: the same trust and the same proxy. */
  readonly agent: HttpAgent;
  readonly proxyHost: string | undefined;

  constructor({ hubUrl, caPem, proxyEnv }: HubHttpOptions) {
    this.hubUrl = hubUrl;
    const isSecure = hubUrl.protocol === 'https:';
    // What is fetched one after another shares a connection, which soon ends: thousands of agents may be upgraded at once.
    const shared = { proxyEnv, keepAlive: true, timeout: IDLE_MS };
    this.agent = isSecure
      ? new HttpsAgent({ ...shared, ...(caPem !== undefined && { ca: caPem }) })
      : new HttpAgent(shared);
    const proxy = isSecure
      ? (proxyEnv['https_proxy'] ?? proxyEnv['HTTPS_PROXY'])
      : (proxyEnv['http_proxy'] ?? proxyEnv['HTTP_PROXY']);
    this.proxyHost = proxy === undefined ? undefined : hostOf(proxy);
  }

  /** @returns the answer, whatever its status. @throws Error when there is none, when it is too large or too late */
  send(request: HubRequest): Promise<HubAnswer> {
    const { method, path, headers = {}, body, timeoutMs, maxBytes, signal } = request;
    const send = this.hubUrl.protocol === 'https:' ? httpsRequest : httpRequest;
    const payload = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const outgoing = send(new URL(path, this.hubUrl), {
        method,
        agent: this.agent,
        headers: {
          accept: 'application/json',
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          }),
          ...headers,
        },
        ...(signal && { signal }),
      });
      const timer = setTimeout(() => {
        outgoing.destroy(new Error(`there was no answer within ${Math.round(timeoutMs / 1000)} s`));
      }, timeoutMs);
      outgoing.on('close', () => clearTimeout(timer));
      outgoing.on('error', reject);
      outgoing.on('response', (response) => {
        readBody(response, maxBytes).then(
          (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
          reject,
        );
      });
      outgoing.end(payload);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
  readonly head: Omit<HubAnswer, 'body'>;

  constructor(maxBytes: number, { statusCode = 0, headers }: IncomingMessage) {
    super(`the answer is larger than ${maxBytes} bytes`);
    this.head = { status: statusCode, headers };
  }
}

/** @throws TooLargeError when it is larger than allowed; the connection is then ended */
export async function readBody(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      response.destroy();
      throw new TooLargeError(maxBytes, response);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Reads what a refused WebSocket upgrade says; never throws. */
export async function refusalOfResponse(response: IncomingMessage, now: () => number = Date.now): Promise<Refusal> {
  const body = await readBody(response, MAX_PROBLEM_BYTES).catch(() => Buffer.alloc(0));
  return refusalOf({ status: response.statusCode ?? 0, headers: response.headers, body }, now);
}

export function refusalOf(answer: HubAnswer, now: () => number = Date.now): Refusal {
  let json: unknown;
  try {
    json = JSON.parse(answer.body.toString('utf8'));
  } catch {
    json = undefined;
  }
  const problem = decodeProblem(json);
  const hubTime = answer.headers[SERVER_TIME_HEADER];
  const hubTimeMs = typeof hubTime === 'string' ? Date.parse(hubTime) : Number.NaN;
  return {
    status: answer.status,
    code: problem.ok ? problemCodeOf(problem.value) : undefined,
    detail: problem.ok ? problem.value.detail : undefined,
    action: problem.ok ? problem.value.action : undefined,
    retryAfterMs: retryAfterMs(answer.headers['retry-after'], now()),
    hubTimeMs: Number.isNaN(hubTimeMs) ? undefined : hubTimeMs,
  };
}

function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.max(0, Math.min(ms, 3_600_000));
}

function hostOf(proxy: string): string {
  return URL.canParse(proxy) ? new URL(proxy).host : proxy;
}
