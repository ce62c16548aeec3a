import { createServer, type Http2Server, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import { createKubeClient, type KubeApiOptions } from '../kube/kube-api.ts';
import type { KubeClient, KubeObject } from '../kube/client.ts';

export interface SeenRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}
/** Answers instead of the store. `undefined` lets the store answer; 'hang' never answers; 'cut' ends the connection. */
export type Intercept = (request: SeenRequest) => { status: number; body: unknown } | 'hang' | 'cut' | undefined;

interface OpenWatch {
  stream: ServerHttp2Stream;
  prefix: string;
}

/**
 * An API server for tests of the client, over HTTP/2 without TLS: keeps objects in memory, pages lists, feeds watches, and does
 * what a real one rarely does on request (expired versions, garbage, hanging, cut connections).
 */
export class FakeApiServer {
  readonly seen: SeenRequest[] = [];
  intercept: Intercept = () => undefined;
  #server: Http2Server | undefined;
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #objects = new Map<string, KubeObject>();
  readonly #watches = new Set<OpenWatch>();
  readonly #clients: KubeClient[] = [];
  #version = 100;

  async start(port = 0): Promise<void> {
    this.#server = createServer({ settings: { maxConcurrentStreams: 100 } });
    this.#server.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      void this.#serve(stream, String(headers[':method']), String(headers[':path']));
    });
    const server = this.#server;
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.crash();
  }

  /** Ends without a word; `start(port)` brings it back with the same objects. */
  async crash(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    for (const session of this.#sessions) session.destroy();
    this.#watches.clear();
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  get port(): number {
    const address = this.#server?.address();
    if (!address || typeof address === 'string') throw new Error('the server is not running');
    return address.port;
  }

  get connections(): number {
    return this.#sessions.size;
  }

  get watches(): number {
    return this.#watches.size;
  }

  client(options: KubeApiOptions = {}): KubeClient {
    const url = new URL(`http://127.0.0.1:${this.port}`);
    const client = createKubeClient({ url, tls: {}, authorization: () => Promise.resolve('Bearer test') }, options);
    this.#clients.push(client);
    return client;
  }

  /** @param path of the object, as in the API */
  put(path: string, object: KubeObject): KubeObject {
    const isNew = !this.#objects.has(path);
    this.#version += 1;
    const { metadata } = object;
    const stored = {
      ...object,
      metadata: { uid: `uid-${this.#version}`, ...metadata, resourceVersion: String(this.#version) },
    };
    this.#objects.set(path, stored);
    this.#tell(path, isNew ? 'ADDED' : 'MODIFIED', stored);
    return stored;
  }

  object(path: string): KubeObject | undefined {
    return this.#objects.get(path);
  }

  delete(path: string): void {
    const object = this.#objects.get(path);
    if (!object) return;
    this.#objects.delete(path);
    this.#version += 1;
    const metadata = { ...object.metadata, resourceVersion: String(this.#version) };
    this.#tell(path, 'DELETED', { ...object, metadata });
  }

  /** Sends a line to every open watch. */
  sendLine(line: string): void {
    for (const { stream } of this.#watches) stream.write(`${line}\n`);
  }

  bookmark(version: string): void {
    const object = { kind: 'X', apiVersion: 'v1', metadata: { resourceVersion: version } };
    this.sendLine(JSON.stringify({ type: 'BOOKMARK', object }));
  }

  endWatches(): void {
    for (const { stream } of this.#watches) stream.end();
  }

  /** Changes while nobody hears of them. */
  async unheard(change: () => void): Promise<void> {
    const watches = [...this.#watches];
    this.#watches.clear();
    change();
    for (const watch of watches) this.#watches.add(watch);
  }

  #tell(path: string, type: string, object: KubeObject): void {
    for (const { stream, prefix } of this.#watches)
      if (path.startsWith(`${prefix}/`)) stream.write(`${JSON.stringify({ type, object })}\n`);
  }

  async #serve(stream: ServerHttp2Stream, method: string, target: string): Promise<void> {
    const url = new URL(target, 'http://x');
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const body = text === '' ? undefined : (JSON.parse(text) as unknown);
    const request = { method, path: url.pathname, query: url.searchParams, body };
    this.seen.push(request);
    const answer = this.intercept(request) ?? this.#answer(stream, request);
    if (answer === 'cut') stream.session?.destroy();
    else if (answer !== 'hang' && answer !== undefined) respond(stream, answer.status, answer.body);
  }

  #answer(stream: ServerHttp2Stream, request: SeenRequest): { status: number; body: unknown } | undefined {
    const { method, path, query } = request;
    if (path === '/version') return { status: 200, body: { gitVersion: 'v1.36.3' } };
    if (query.get('watch') === 'true') return this.#openWatch(stream, path);
    const object = this.#objects.get(path);
    switch (method) {
      case 'GET':
        if (object) return { status: 200, body: object };
        return isCollection(path) ? this.#page(path, query) : notFound(path);
      case 'POST':
        return this.#create(path, request.body as KubeObject);
      case 'PUT':
      case 'PATCH':
        return this.#change(path.replace(/\/status$/, ''), method, request.body);
      case 'DELETE':
        this.delete(path);
        return object ? { status: 200, body: object } : notFound(path);
      default:
        return { status: 405, body: {} };
    }
  }

  #create(path: string, body: KubeObject): { status: number; body: unknown } {
    const own = `${path}/${body.metadata.name}`;
    if (this.#objects.has(own)) return status(409, 'AlreadyExists');
    return { status: 201, body: this.put(own, body) };
  }

  #change(path: string, method: string, body: unknown): { status: number; body: unknown } {
    const object = this.#objects.get(path);
    if (!object) return notFound(path);
    if (Array.isArray(body)) {
      const patched = patchedStatus(object, body as JsonPatch);
      return patched ? { status: 200, body: this.put(path, patched) } : status(422, 'Invalid');
    }
    const whole = body as KubeObject;
    const wanted = whole.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== object.metadata.resourceVersion) return status(409, 'Conflict');
    const changed = method === 'PUT' ? whole : (merge(object, whole) as KubeObject);
    return { status: 200, body: this.put(path, changed) };
  }

  #openWatch(stream: ServerHttp2Stream, prefix: string): undefined {
    const watch = { stream, prefix };
    this.#watches.add(watch);
    stream.on('close', () => this.#watches.delete(watch));
    stream.respond({ ':status': 200, date: new Date().toUTCString() });
  }

  #page(path: string, query: URLSearchParams): { status: number; body: unknown } {
    const all = [...this.#objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
    const start = Number(query.get('continue') ?? 0);
    const limit = Number(query.get('limit') ?? all.length);
    const next = start + limit < all.length ? String(start + limit) : '';
    const metadata = { resourceVersion: String(this.#version), continue: next };
    return { status: 200, body: { kind: 'List', metadata, items: all.slice(start, start + limit) } };
  }
}

function respond(stream: ServerHttp2Stream, code: number, body: unknown): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': code, 'content-type': 'application/json', date: new Date().toUTCString() });
  stream.end(typeof body === 'string' ? body : JSON.stringify(body));
}

function isCollection(path: string): boolean {
  // /api/v1/(namespaces/x/)plural or /apis/g/v/(namespaces/x/)plural
  const parts = path.split('/').filter((part) => part !== '');
  const rest = parts.slice(parts[0] === 'api' ? 2 : 3);
  return rest[0] === 'namespaces' && rest.length > 1 ? rest.length === 3 : rest.length === 1;
}

export function status(code: number, reason: string, message = reason): { status: number; body: unknown } {
  return { status: code, body: { kind: 'Status', status: 'Failure', code, reason, message } };
}

function notFound(path: string): { status: number; body: unknown } {
  const message = `${path} not found`;
  const details = { name: path.split('/').at(-1) };
  return { status: 404, body: { kind: 'Status', status: 'Failure', code: 404, reason: 'NotFound', message, details } };
}

type JsonPatch = { op: string; path: string; value?: unknown }[];

/** RFC 6902, as far as fields of the status go; undefined when a part of a path is not there. */
function patchedStatus(object: KubeObject, patch: JsonPatch): KubeObject | undefined {
  if (object['status'] === undefined) return undefined;
  const fields = { ...(object['status'] as Record<string, unknown>) };
  for (const { op, path, value } of patch) {
    const field = path.replace('/status/', '');
    if (op === 'add') fields[field] = value;
    else if (op !== 'remove' || !(field in fields)) return undefined;
    else delete fields[field];
  }
  return { ...object, status: fields };
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> =
    typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}
