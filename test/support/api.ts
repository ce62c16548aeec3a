import { request as httpRequest } from 'node:http';
import { request as httpsRequest, type Agent as HttpsAgent } from 'node:https';
import { text } from 'node:stream/consumers';
import type { Problem, Session } from '@steward/shared';

export interface ApiAnswer<T> {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: T;
}

export interface Api {
  url: string;
  token: string | undefined;
  caPem: string | undefined;
  /** Any method and any answer. `path` is below /api/v1 unless it starts with another root of the hub. */
  call<T = unknown>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<ApiAnswer<T>>;
  /** The body of a successful answer; rejects with the problem's words otherwise. */
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  /** The same hub with another token. */
  as(token: string | undefined): Api;
  login(email: string, password: string): Promise<Api>;
}

interface ApiOptions {
  caPem?: string;
  token?: string;
  /** Default: a connection for each call. */
  agent?: HttpsAgent;
}

const ROOTS = /^\/(api|agent|install|healthz|readyz|metrics|page)\b/;

function send(
  url: URL,
  options: ApiOptions,
  call: { method: string; body: unknown; headers: Record<string, string> },
): Promise<ApiAnswer<unknown>> {
  const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer<unknown>>();
  const isRaw = call.body instanceof Uint8Array;
  const headers: Record<string, string> = {
    ...(options.token && { authorization: `Bearer ${options.token}` }),
    ...(call.body !== undefined && { 'content-type': isRaw ? 'application/octet-stream' : 'application/json' }),
    ...call.headers,
  };
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const outgoing = request(
    url,
    { method: call.method, headers, agent: options.agent ?? false, ...(options.caPem && { ca: options.caPem }) },
    (response) => {
      text(response).then((body) => {
        const isJson = /json/.test(response.headers['content-type'] ?? '');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson && body ? (JSON.parse(body) as unknown) : body,
        });
      }, reject);
    },
  );
  outgoing.on('error', reject);
  if (call.body === undefined) outgoing.end();
  else outgoing.end(isRaw ? (call.body as Uint8Array) : JSON.stringify(call.body));
  return promise;
}

/** A client of the REST API for tests: no retries, nothing hidden. */
export function createApi(url: string, options: ApiOptions = {}): Api {
  const call = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ApiAnswer<T>> =>
    (await send(new URL(ROOTS.test(path) ? path : `/api/v1${path}`, url), options, {
      method,
      body,
      headers,
    })) as ApiAnswer<T>;
  const must = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await call<T>(method, path, body);
    if (answer.status < 300) return answer.body;
    const problem = answer.body as Partial<Problem>;
    throw new Error(
      `${method} ${path}: ${answer.status} ${problem.detail ?? JSON.stringify(answer.body)} ${problem.action ?? ''}`,
    );
  };
  return {
    url,
    token: options.token,
    caPem: options.caPem,
    call,
    get: (path) => must('GET', path),
    post: (path, body) => must('POST', path, body),
    put: (path, body) => must('PUT', path, body),
    as: (token) => createApi(url, { ...(options.caPem && { caPem: options.caPem }), ...(token && { token }) }),
    login: async (email, password) => {
      const session = await must<Session>('POST', '/sessions', { email, password });
      return createApi(url, { ...options, token: session.token });
    },
  };
}
