import { Agent as HttpAgent, request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { compile, Problem, SERVER_TIME_HEADER } from '@steward/shared';

const TIMEOUT_MS = 20_000;
const decodeProblem = compile(Problem);

/** Where a hub is. Thousands of agents share one: its sockets and its TLS context are made once. */
export interface HubAddress {
  url: URL;
  http: HttpAgent;
}

/** @param ca PEM of the hub's own authority, when it has one */
export function hubAddress(url: string, ca?: string): HubAddress {
  const parsed = new URL(url);
  const isSecure = parsed.protocol === 'https:';
  // Without keep-alive: nothing is left open when a test ends.
  return { url: parsed, http: isSecure ? new HttpsAgent({ ...(ca !== undefined && { ca }) }) : new HttpAgent() };
}

/** What a hub says when it refuses a request or an upgrade. */
export class HubRefusal extends Error {
  readonly status: number;
  readonly problem: Problem | undefined;
  readonly serverTime: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, headers: IncomingHttpHeaders, body: string) {
    super(`the hub refused with ${status}: ${body}`);
    const decoded = decodeProblem(parse(body));
    const time = headers[SERVER_TIME_HEADER];
    const retryAfter = headers['retry-after'];
    this.status = status;
    this.problem = decoded.ok ? decoded.value : undefined;
    this.serverTime = typeof time === 'string' ? time : undefined;
    this.retryAfterSeconds = retryAfter === undefined ? undefined : Number(retryAfter);
  }
}

export interface HubRequest {
  method: 'GET' | 'POST';
  path: string;
  headers?: Record<string, string>;
  body?: unknown;
}

/** @throws HubRefusal unless the answer is a 2xx */
export async function requestHub({ url, http }: HubAddress, request: HubRequest): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const start = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const payload = request.body === undefined ? undefined : JSON.stringify(request.body);
  const outgoing = start(new URL(request.path, url), {
    method: request.method,
    agent: http,
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { ...(payload !== undefined && { 'content-type': 'application/json' }), ...request.headers },
  });
  outgoing.on('response', resolve).on('error', reject).end(payload);
  const response = await promise;
  const body = await readAll(response);
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw new HubRefusal(status, response.headers, body.toString('utf8'));
  return body;
}

export async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
