import * as Type from 'typebox';
import { compile } from '@steward/shared';
import type { KubeClient, ResourceRef } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';

export const EVENT: ResourceRef = { group: '', version: 'v1', kind: 'Event', plural: 'events', namespaced: true };
/** An object is looked up no more often than this, and so many of them. */
const LOOK_UP_INTERVAL_MS = 10_000;
const MAX_OBJECTS = 5;
/** Without the right none is looked up for so long; it may be granted again. */
const REFUSED_INTERVAL_MS = 300_000;

const decode = compile(
  Type.Object({
    message: Type.Optional(Type.String()),
    lastTimestamp: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    eventTime: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  }),
);

/**
 * What the newest warning event says of an object that is not well, where its own status does not say why: a claim, a
 * workload without pods, a readiness probe. Looked up when it is needed, only for objects that are not well now.
 */
export class Explanations {
  readonly #kube: KubeClient;
  readonly #namespace: string;
  readonly #onChange: () => void;
  readonly #found = new Map<string, { text: string | undefined; atMs: number }>();
  #refusedUntilMs = Number.NEGATIVE_INFINITY;
  #isLooking = false;

  constructor(options: { kube: KubeClient; namespace: string; onChange: () => void }) {
    this.#kube = options.kube;
    this.#namespace = options.namespace;
    this.#onChange = options.onChange;
  }

  /** @param object `Kind/name` */
  get(object: string): string | undefined {
    return this.#found.get(object)?.text;
  }

  /** These need one; what is known of others is forgotten. */
  want(objects: readonly string[]): void {
    const wanted = objects.slice(0, MAX_OBJECTS);
    for (const object of this.#found.keys()) if (!wanted.includes(object)) this.#found.delete(object);
    const oldMs = performance.now() - LOOK_UP_INTERVAL_MS;
    const next = wanted.find((object) => (this.#found.get(object)?.atMs ?? Number.NEGATIVE_INFINITY) < oldMs);
    if (next === undefined || performance.now() < this.#refusedUntilMs || this.#isLooking) return;
    this.#isLooking = true;
    void this.#lookUp(next).then((text) => {
      this.#isLooking = false;
      this.#found.set(next, { text, atMs: performance.now() });
      this.#onChange();
    });
  }

  async #lookUp(object: string): Promise<string | undefined> {
    const [kind = '', name = ''] = object.split('/');
    const fieldSelector = `involvedObject.kind=${kind},involvedObject.name=${name},type=Warning`;
    try {
      const events = await this.#kube.list(EVENT, this.#namespace, { fieldSelector, maxObjects: 200 });
      return newestMessage(events);
    } catch (error) {
      if (isKubeError(error) && error.status === 403) this.#refusedUntilMs = performance.now() + REFUSED_INTERVAL_MS;
      return undefined;
    }
  }
}

function newestMessage(events: readonly unknown[]): string | undefined {
  const read = events.flatMap((event) => {
    const decoded = decode(event);
    return decoded.ok ? [decoded.value] : [];
  });
  const timeOf = ({ lastTimestamp, eventTime }: (typeof read)[number]): string => lastTimestamp ?? eventTime ?? '';
  const newest = read.sort((a, b) => (timeOf(a) < timeOf(b) ? 1 : -1))[0];
  return newest?.message?.trim().slice(0, 400);
}
