import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { PROBLEM_TYPE_PREFIX, PROBLEMS, type ProblemCode } from '@steward/shared';
import { readBytes } from '../bytes.ts';

export interface TestRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: Buffer;
}

/** Answers with JSON, or writes the response itself. */
export type TestRoute = (request: TestRequest, response: ServerResponse) => unknown;

export interface TestHub {
  url: string;
  requests: TestRequest[];
  stop(): Promise<void>;
}

/** Thrown by a route: the problem that a hub would answer with. */
export class TestProblem extends Error {
  readonly code: ProblemCode;
  readonly headers: Record<string, string>;
  constructor(code: ProblemCode, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.code = code;
    this.headers = headers;
  }
}

function answerProblem(response: ServerResponse, { code, message, headers }: TestProblem): void {
  const status = PROBLEMS[code];
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  const action = `do something about ${code}`;
  response.end(JSON.stringify({ type: PROBLEM_TYPE_PREFIX + code, title: code, status, detail: message, action }));
}

/** A real HTTP server with a few routes of a hub: `METHOD /path` below /api/v1; a path that ends in `*` takes what begins so. */
export async function startTestHub(routes: Record<string, TestRoute>): Promise<TestHub> {
  const requests: TestRequest[] = [];
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(message.url ?? '', 'http://hub');
    const path = url.pathname.replace(/^\/api\/v1/, '');
    const method = message.method ?? '';
    const body = await readBytes(message, 2 ** 26);
    const request = { method, path, query: url.searchParams, headers: message.headers, body };
    requests.push(request);
    const name = `${method} ${path}`;
    const open = Object.keys(routes).find((key) => key.endsWith('*') && name.startsWith(key.slice(0, -1)));
    const route = routes[name] ?? routes[open ?? ''];
    try {
      if (!route) throw new TestProblem('not-found', `nothing at ${path}`);
      const result = await route(request, response);
      if (result === undefined) return;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(result));
    } catch (error) {
      if (!(error instanceof TestProblem)) throw error;
      answerProblem(response, error);
    }
  };
  const server = createServer((message, response) => void answer(message, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
