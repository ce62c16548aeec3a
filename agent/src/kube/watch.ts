import { setTimeout as delay } from 'node:timers/promises';
import * as Type from 'typebox';
import { compile, mapOf } from '@steward/shared';
import type { KubeObject, Watch, WatchOptions } from './client.ts';
import { isKubeError, KubeError, kubeErrorOf } from './error.ts';
import { keyOf, listPageOf, malformed, objectOf, pathOf } from './object.ts';
import type { KubeTransport } from './transport/transport.ts';

const PAGE_SIZE = 50;
const SERVER_TIMEOUT_S = 270;
/** What the server may be late by before a watch counts as dead. */
const GRACE_MS = 30_000;
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 10_000;
const HEALTHY_AFTER_MS = 10_000;
/** A refusal ends when somebody grants the right: look more often than for an outage. */
const MAX_REFUSED_BACKOFF_MS = 5_000;

const decodeEvent = compile(
  Type.Object({
    type: Type.Unsafe<'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'>({
      type: 'string',
      enum: ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'],
    }),
    object: mapOf(Type.Unknown()),
  }),
);

export interface WatchTimings {
  random?: () => number;
  serverTimeoutSeconds?: number;
  graceMs?: number;
  firstBackoffMs?: number;
}

/**
 * Lists, then watches from where the list ended, for ever: a watch that ends is taken up at the last version heard, one
 * whose version is too old (410) is listed again and the difference delivered, also what was deleted meanwhile. Only what
 * `project` makes is kept.
 */
export function startWatch<T>(
  transport: KubeTransport,
  options: WatchOptions<T>,
  timings: WatchTimings = {},
): Watch<T> {
  const reflector = new Reflector(transport, options, timings);
  void reflector.run();
  return reflector;
}

class Reflector<T> implements Watch<T> {
  readonly objects = new Map<string, T>();
  readonly synced: Promise<void>;
  isCurrent = false;
  readonly #transport: KubeTransport;
  readonly #options: WatchOptions<T>;
  readonly #timings: Required<WatchTimings>;
  readonly #versions = new Map<string, string>();
  #resolveSynced: () => void = () => {};
  #problem: string | undefined;
  #failures = 0;
  /** Where to watch on from; undefined: list first. */
  #resourceVersion: string | undefined;

  constructor(transport: KubeTransport, options: WatchOptions<T>, timings: WatchTimings) {
    this.#transport = transport;
    this.#options = options;
    this.#timings = {
      random: timings.random ?? Math.random,
      serverTimeoutSeconds: timings.serverTimeoutSeconds ?? SERVER_TIMEOUT_S,
      graceMs: timings.graceMs ?? GRACE_MS,
      firstBackoffMs: timings.firstBackoffMs ?? FIRST_BACKOFF_MS,
    };
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
  }

  /** Resolves when the signal has fired. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      const startedMs = performance.now();
      try {
        if (this.#resourceVersion === undefined) await this.#list();
        await this.#watch();
        if (performance.now() - startedMs > HEALTHY_AFTER_MS) this.#failures = 0;
        // A server that ends every watch at once must not make this a busy loop.
        else await this.#wait(undefined);
      } catch (error) {
        if (signal.aborted) break;
        if (performance.now() - startedMs > HEALTHY_AFTER_MS) this.#failures = 0;
        if (isExpired(error)) this.#resourceVersion = undefined;
        else this.#report(error);
        await this.#wait(error);
      }
    }
    this.isCurrent = false;
    this.#resolveSynced();
  }

  async #list(): Promise<void> {
    const { ref, namespace, signal } = this.#options;
    const seen = new Set<string>();
    let next = '';
    do {
      const query = this.#query({ limit: String(PAGE_SIZE), ...(next && { continue: next }) });
      const answer = await this.#transport.request({ method: 'GET', path: pathOf(ref, namespace) + query, signal });
      const page = listPageOf(answer, ref);
      for (const object of page.items) {
        seen.add(keyOf(object));
        this.#set(object);
      }
      next = page.next;
      this.#resourceVersion = next === '' ? page.resourceVersion : undefined;
    } while (next !== '' && !signal.aborted);
    if (signal.aborted) return;
    for (const key of this.#versions.keys()) if (!seen.has(key)) this.#delete(key);
    this.#current();
    this.#resolveSynced();
  }

  async #watch(): Promise<void> {
    const { ref, namespace, signal } = this.#options;
    const timeoutSeconds = Math.ceil(this.#timings.serverTimeoutSeconds * (1 + 0.2 * this.#timings.random()));
    const query = this.#query({
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(timeoutSeconds),
      resourceVersion: this.#resourceVersion ?? '',
    });
    await this.#transport.stream({
      path: pathOf(ref, namespace) + query,
      signal,
      silenceMs: timeoutSeconds * 1_000 + this.#timings.graceMs,
      onOpen: () => this.#current(),
      onLine: (line) => this.#onLine(line),
    });
  }

  #onLine(line: string): void {
    let json: unknown;
    try {
      json = JSON.parse(line);
    } catch (cause) {
      throw new KubeError('a watch sent a line that is not JSON', { status: 0, reason: 'Malformed' }, { cause });
    }
    const event = decodeEvent(json);
    if (!event.ok) throw malformed(`not a watch event: ${event.error}`);
    const { type, object: raw } = event.value;
    if (type === 'ERROR') throw kubeErrorOf(Number(raw['code'] ?? 0), raw, `watch of ${this.#options.ref.plural}`);
    if (type === 'BOOKMARK') {
      const metadata = raw['metadata'];
      const version =
        metadata && typeof metadata === 'object' && 'resourceVersion' in metadata && metadata.resourceVersion;
      if (typeof version === 'string') this.#resourceVersion = version;
      return;
    }
    const object = objectOf(raw, this.#options.ref);
    if (type === 'DELETED') this.#delete(keyOf(object));
    else this.#set(object);
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
  }

  #set(object: KubeObject): void {
    const key = keyOf(object);
    const version = object.metadata.resourceVersion ?? '';
    if (version !== '' && this.#versions.get(key) === version) return;
    const projected = this.#options.project(object);
    if (projected === undefined) {
      this.#delete(key);
      return;
    }
    const previous = this.objects.get(key);
    this.#versions.set(key, version);
    this.objects.set(key, projected);
    this.#options.onChange({ type: 'set', key, object: projected, previous });
  }

  #delete(key: string): void {
    const previous = this.objects.get(key);
    this.#versions.delete(key);
    if (previous === undefined) return;
    this.objects.delete(key);
    this.#options.onChange({ type: 'delete', key, previous });
  }

  #query(parameters: Record<string, string>): string {
    const { labelSelector, fieldSelector } = this.#options;
    const query = new URLSearchParams({
      ...parameters,
      ...(labelSelector && { labelSelector }),
      ...(fieldSelector && { fieldSelector }),
    });
    return `?${query.toString()}`;
  }

  #current(): void {
    this.isCurrent = true;
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    this.#options.onProblem?.(undefined);
  }

  #report(error: unknown): void {
    this.isCurrent = false;
    const problem = error instanceof Error ? error : new Error(String(error));
    // Something that is not a server's answer may have left our view in doubt.
    if (!isKubeError(error) || error.reason === 'Malformed') this.#resourceVersion = undefined;
    if (this.#problem === problem.message) return;
    this.#problem = problem.message;
    this.#options.onProblem?.(problem);
  }

  async #wait(error: unknown): Promise<void> {
    const { firstBackoffMs, random } = this.#timings;
    const isRefused = isKubeError(error) && (error.status === 403 || error.status === 404);
    const limit = Math.min(isRefused ? MAX_REFUSED_BACKOFF_MS : MAX_BACKOFF_MS, firstBackoffMs * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 20);
    const floor = isKubeError(error) ? Math.min(error.retryAfterMs ?? 0, MAX_BACKOFF_MS) : 0;
    const ms = Math.max(floor, limit * (0.5 + 0.5 * random()));
    await delay(ms, undefined, { signal: this.#options.signal }).catch(() => {});
  }
}

function isExpired(error: unknown): boolean {
  return isKubeError(error) && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone');
}
