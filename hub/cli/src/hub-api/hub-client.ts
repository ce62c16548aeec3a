import { randomUUID } from 'node:crypto';
import { compile, IDEMPOTENCY_KEY_HEADER, Page, PRODUCT_VERSION, Problem, type Decoder } from '@steward/shared';
import { setTimeout as sleep } from 'node:timers/promises';
import * as Type from 'typebox';
import type { Static, TSchema } from 'typebox';
import { readBytes } from '../bytes.ts';
import { CliError, messageOf, problemError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { isLostConnection, unreachableError, type HttpAnswer, type HttpClient, type HttpRequest } from './http.ts';

const decodeProblem = compile(Problem);
const maxAnswerBytes = 32 * 1024 * 1024;
const maxRetries = 2;
const maxRetryAfterMs = 10_000;
const lostRetryMs = 300;
const pageSize = 200;
const maxRows = 10_000;

export type Query = Record<string, string | number | undefined>;

export interface Call {
  method: HttpRequest['method'];
  path: string;
  query?: Query | undefined;
  json?: unknown;
  bytes?: Uint8Array;
  /** The path is the whole path on the hub, not below /api/v1. */
  isOutside?: boolean;
  /** Makes it harmless to send again what the hub may have taken already. */
  idempotencyKey?: string;
  /** The hub would not take it twice, and a second one be told that it is wrong: it is sent once, like a POST. */
  isOnce?: boolean;
  /** Told before it is sent again: the hub may have done it already. */
  onRepeat?: () => void;
}

interface OpenCall extends Call {
  headers?: Record<string, string>;
  silenceMs?: number;
  signal?: AbortSignal;
}

/** A path below /api/v1 with its parts encoded: `` apiPath`/services/${slug}` ``. */
export function apiPath(strings: TemplateStringsArray, ...parts: string[]): string {
  return strings.map((text, at) => text + (at < parts.length ? encodeURIComponent(parts[at] ?? '') : '')).join('');
}

/** One hub and one identity. Answers are decoded; a refusal becomes a CliError with the hub's words. Close it when done. */
export class HubClient {
  readonly url: string;
  private readonly token: string | undefined;
  private readonly http: HttpClient;
  private readonly signal: AbortSignal;

  /** @throws CliError for what cannot be a token, as one that was copied over two lines */
  constructor(url: string, token: string | undefined, http: HttpClient, signal: AbortSignal) {
    if (token !== undefined && /[^\x21-\x7e]/.test(token))
      throw usageError(
        'the token has a line break, a space or another character in it that no token has',
        'Copy it again, in one line: STEWARD_TOKEN, --token, or log in again with `steward login`.',
      );
    this.url = url;
    this.token = token;
    this.http = http;
    this.signal = signal;
  }

  get<T extends TSchema>(schema: T, path: string, query?: Query): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'GET', path, query });
  }

  /** Something that lives beside /api/v1. */
  getOutside<T extends TSchema>(schema: T, path: string): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'GET', path, isOutside: true });
  }

  post<T extends TSchema>(schema: T, path: string, json: unknown): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'POST', path, json });
  }

  /** A POST that takes effect once, also when it has to be sent again. */
  postOnce<T extends TSchema>(schema: T, path: string, json: unknown): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'POST', path, json, idempotencyKey: randomUUID() });
  }

  put<T extends TSchema>(schema: T, path: string, body: { json: unknown } | { bytes: Uint8Array }): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'PUT', path, ...body });
  }

  /** A PUT that is right once only, as one that names what was there before. */
  putOnce<T extends TSchema>(schema: T, path: string, json: unknown): Promise<Static<T>> {
    return this.call(compile(schema), { method: 'PUT', path, json, isOnce: true });
  }

  /** @param isOwnToken it is the token that this client uses: once that is gone the hub lets nobody in by it, to say so */
  async delete(path: string, isOwnToken = false): Promise<void> {
    let mayBeDone = false;
    const onRepeat = () => (mayBeDone = true);
    await this.call(compile(Type.Unknown()), { method: 'DELETE', path, onRepeat }).catch((error: unknown) => {
      if (!mayBeDone || !(error instanceof CliError)) throw error;
      // It was done the first time, and the answer lost.
      const isGone = error.exitCode === EXIT.notFound || (isOwnToken && error.problem?.status === 401);
      if (!isGone) throw error;
    });
  }

  /** Every row of a list, page by page. @throws CliError when there are more than 10,000: narrow it by a filter */
  async list<T extends TSchema>(item: T, path: string, query: Query = {}, limit = maxRows): Promise<Static<T>[]> {
    const decode = compile(Page(item));
    const rows: Static<T>[] = [];
    let cursor: string | undefined;
    do {
      const page: { items: Static<T>[]; next?: string } = await this.call(decode, {
        method: 'GET',
        path,
        query: { ...query, limit: Math.min(pageSize, limit - rows.length), cursor },
      });
      rows.push(...page.items);
      if (page.items.length === 0 && page.next !== undefined)
        throw this.strange({ method: 'GET', path }, 'a page without rows is followed by another');
      cursor = page.next;
      if (cursor !== undefined && rows.length >= maxRows)
        throw new CliError(EXIT.usage, `there are more than ${maxRows} rows`, {
          action: 'Narrow the list with a filter.',
        });
    } while (cursor !== undefined && rows.length < limit);
    return rows;
  }

  private async call<T>(decode: Decoder<T>, call: Call): Promise<T> {
    const answer = await this.open(call);
    const bytes = await readBytes(answer.body, maxAnswerBytes).catch((error: unknown) => {
      throw this.signal.aborted ? error : unreachableError(this.url, error);
    });
    if (bytes.length === 0) return this.decoded(decode, null, call);
    try {
      return this.decoded(decode, JSON.parse(bytes.toString('utf8')), call);
    } catch (error) {
      if (error instanceof CliError) throw error;
      throw this.strange(call, `the answer is not JSON (${messageOf(error)})`);
    }
  }

  private decoded<T>(decode: Decoder<T>, value: unknown, call: Call): T {
    const decoded = decode(value);
    if (decoded.ok) return decoded.value;
    throw this.strange(call, decoded.error);
  }

  private strange(call: Call, why: string): CliError {
    return new CliError(EXIT.internal, `the hub's answer to ${call.method} ${call.path} was not understood: ${why}`, {
      action: `Check that ${this.url} is a Steward hub, and that this command (${PRODUCT_VERSION}) is as new as the hub.`,
    });
  }

  /**
   * Sends and waits for a good status; the body is the caller's to read. A busy hub and a connection that broke are tried
   * again where that is harmless.
   */
  async open(call: OpenCall): Promise<HttpAnswer> {
    const retries = isHarmless(call) ? maxRetries : 0;
    for (let attempt = 0; ; attempt += 1) {
      const isLast = attempt >= retries;
      const answer = await this.send(call, isLast);
      if (answer && answer.status >= 200 && answer.status < 300) return answer;
      const waitMs = answer ? retryAfterMs(answer) : lostRetryMs;
      if (answer && (isLast || waitMs === undefined)) throw await this.refusal(answer, call);
      answer?.body.resume();
      // Of 503 a database that was lost may be the reason, in the middle of it.
      if (answer?.status !== 429) call.onRepeat?.();
      await sleep(waitMs, undefined, { signal: this.signal });
    }
  }

  /** @returns undefined when the connection broke and may be tried again */
  private async send(call: OpenCall, isLast: boolean): Promise<HttpAnswer | undefined> {
    try {
      return await this.http.send(this.requestOf(call));
    } catch (error) {
      if (isLast || !isLostConnection(error)) throw error;
      return undefined;
    }
  }

  private requestOf(call: OpenCall): HttpRequest {
    const url = new URL(`${this.url}${call.isOutside ? '' : '/api/v1'}${call.path}`);
    for (const [key, value] of Object.entries(call.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, String(value));
    const body = call.bytes ?? (call.json === undefined ? undefined : Buffer.from(JSON.stringify(call.json)));
    const type = call.bytes ? 'application/octet-stream' : 'application/json';
    return {
      method: call.method,
      url: url.href,
      headers: {
        accept: 'application/json, application/problem+json',
        'user-agent': `steward/${PRODUCT_VERSION}`,
        ...(this.token === undefined ? {} : { authorization: `Bearer ${this.token}` }),
        ...(body === undefined ? {} : { 'content-type': type, 'content-length': String(body.byteLength) }),
        ...(call.idempotencyKey === undefined ? {} : { [IDEMPOTENCY_KEY_HEADER]: call.idempotencyKey }),
        ...call.headers,
      },
      body,
      timeoutMs: call.silenceMs ?? 60_000,
      signal: call.signal ?? this.signal,
    };
  }

  private async refusal(answer: HttpAnswer, call: Call): Promise<CliError> {
    const text = (await readBytes(answer.body, 256 * 1024).catch(() => Buffer.alloc(0))).toString('utf8');
    const decoded = decodeProblem(parse(text));
    if (decoded.ok) return problemError(withLogin(decoded.value));
    if (answer.status >= 300 && answer.status < 400)
      return new CliError(EXIT.usage, `${this.url} sends on to ${answer.headers.location ?? 'another place'}`, {
        action: 'Log in to that address instead: a token is not sent on.',
      });
    return new CliError(
      // What stands in front of a hub says so in its place while there is none.
      AWAY.has(answer.status) ? EXIT.unreachable : EXIT.internal,
      `${call.method} ${call.path} was answered with status ${answer.status} and no reason`,
      {
        action: `Check that ${this.url} is a Steward hub and no proxy answers in its place.`,
      },
    );
  }

  close(): void {
    this.http.close();
  }
}

/** To send again what the hub may have taken already. */
function isHarmless({ method, idempotencyKey, isOnce }: Call): boolean {
  return isOnce !== true && (method !== 'POST' || idempotencyKey !== undefined);
}

/** Bad gateway, unavailable, gateway time-out. */
const AWAY: ReadonlySet<number> = new Set([502, 503, 504]);

/** How long a busy hub asks to wait; undefined when it is not busy, or busy for too long. */
function retryAfterMs({ status, headers }: HttpAnswer): number | undefined {
  const waitMs = Number(headers['retry-after'] ?? Number.NaN) * 1000;
  return (status === 503 || status === 429) && waitMs <= maxRetryAfterMs ? waitMs : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function withLogin(problem: Problem): Problem {
  if (problem.status !== 401 || problem.action !== undefined) return problem;
  return { ...problem, action: 'Log in again with `steward login`.' };
}
