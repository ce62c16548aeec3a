import { randomUUID } from 'node:crypto';
import type { DesiredState } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { apiVersionOf } from '../../kube/object.ts';
import type { Log } from '../../log.ts';
import { OPERATION } from '../kinds.ts';
import { loadNamespaceUid } from '../namespace-uid.ts';
import { decodeOperation, operationName, type OperationRecord, type OperationStatus } from './operation-object.ts';
import { persist } from '../persist.ts';
import { patchOf } from './transition.ts';

export interface OperationStoreOptions {
  kube: KubeClient;
  /** The agent's own. */
  namespace: string;
  /** By the API server's clock. */
  now: () => Date;
  log: Log;
  signal: AbortSignal;
}

/** A request may take this long until its object is made. */
const MAKING_MS = 60_000;

/** The journal was written by somebody else: another replica took over. Whoever gets this stops at once. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** Somebody deleted the object, or made it unreadable. It is not written anew: another life of an agent may have ended it and tidied it away. */
export class LostRecordError extends Error {
  override readonly name = 'LostRecordError';
}

/** Operation objects in the API server, tried until it answers. */
export class OperationStore {
  readonly #options: OperationStoreOptions;
  readonly #writer = randomUUID();
  #home: string | undefined;

  constructor(options: OperationStoreOptions) {
    this.#options = options;
  }

  /** All that can be read; the others are left alone. */
  async load(): Promise<OperationRecord[]> {
    const { kube, namespace, signal, log } = this.#options;
    const objects = await persist(() => kube.list(OPERATION, namespace, { pageSize: 20, signal }), signal);
    return objects.flatMap((object) => {
      const decoded = decodeOperation(object);
      if (decoded.ok) return [decoded.value];
      const { name } = object.metadata;
      log.error('an Operation cannot be read and is left alone', { name, why: decoded.error });
      return [];
    });
  }

  /** What is there already stays as it is. */
  async create(desired: DesiredState, traceparent: string | undefined, formerIds: string[]): Promise<OperationRecord> {
    const { kube, namespace, now, signal } = this.#options;
    const { id, kind } = desired.operation;
    const name = operationName(id);
    const home = await this.#loadHome();
    const spec = {
      id,
      installation: desired.name,
      kind,
      generation: desired.generation,
      desired,
      ...(traceparent !== undefined && { traceparent }),
      ...(home !== undefined && { home }),
      ...(formerIds.length > 0 && { formerIds }),
    };
    const object = { apiVersion: apiVersionOf(OPERATION), kind: OPERATION.kind, metadata: { name, namespace } };
    const created = await persist(async () => {
      try {
        return await kube.create({ ...object, spec: { ...spec, writtenAt: now().toISOString() } }, { signal });
      } catch (error) {
        const existing = isKubeError(error, 'AlreadyExists') ? await kube.get(OPERATION, namespace, name) : undefined;
        if (!existing) throw error;
        return existing;
      }
    }, signal);
    return decodedOrThrow(created);
  }

  /** Whether a backup brought it here: it was written in another namespace of this name, or long before this object was made. */
  async isRestored({ spec: { home, writtenAt }, creationTimestamp }: OperationRecord): Promise<boolean> {
    if (writtenAt !== undefined && creationTimestamp !== undefined) {
      if (Date.parse(creationTimestamp) - Date.parse(writtenAt) > MAKING_MS) return true;
    }
    if (home === undefined) return false;
    const here = await this.#loadHome();
    return here !== undefined && here !== home;
  }

  /** Undefined where it may not be read; then it is asked for again. */
  async #loadHome(): Promise<string | undefined> {
    const { kube, namespace, signal } = this.#options;
    return (this.#home ??= await loadNamespaceUid(kube, namespace, signal));
  }

  /** Undefined when there is none that can be read. */
  async find(id: string): Promise<OperationRecord | undefined> {
    const { kube, namespace, signal } = this.#options;
    const object = await persist(() => kube.get(OPERATION, namespace, operationName(id), { signal }), signal);
    const decoded = object && decodeOperation(object);
    return decoded?.ok ? decoded.value : undefined;
  }

  /** @throws LostRecordError */
  async reload(record: OperationRecord): Promise<OperationRecord> {
    const { kube, namespace, signal } = this.#options;
    const object = await kube.get(OPERATION, namespace, record.name, { signal });
    const decoded = object && decodeOperation(object);
    if (!decoded?.ok || decoded.value.uid !== record.uid) throw lost(record);
    return decoded.value;
  }

  /**
   * Writes a status in place of the one of the record; also when the answer to that was lost, or somebody changed the
   * metadata, or the status without a transition. The record stays as it is.
   * @throws FencedError when another life of an agent has written meanwhile
   * @throws LostRecordError
   */
  async write(
    record: OperationRecord,
    wanted: OperationStatus,
  ): Promise<Pick<OperationRecord, 'resourceVersion' | 'status'>> {
    const { signal } = this.#options;
    const status = { ...wanted, writer: this.#writer };
    let { resourceVersion } = record;
    const written = await persist(async () => {
      try {
        return await this.#patch(record.name, resourceVersion, patchOf(record.altered ?? record.status, status));
      } catch (error) {
        if (isKubeError(error) && error.status === 404) throw lost(record);
        if (!isKubeError(error, 'Conflict')) throw error;
        const found = await this.reload(record);
        const isOurs = found.status.revision === status.revision && found.status.writer === this.#writer;
        if (found.status.revision !== record.status.revision && !isOurs)
          throw new FencedError(`another agent carries on with ${record.name}`);
        resourceVersion = found.resourceVersion;
        return this.#patch(record.name, resourceVersion, patchOf(found.altered ?? found.status, status));
      }
    }, signal);
    return { resourceVersion: written.metadata.resourceVersion ?? resourceVersion, status };
  }

  async remove(name: string, uid: string): Promise<void> {
    const { kube, namespace, signal } = this.#options;
    await persist(() => kube.remove(OPERATION, namespace, name, { uid, signal }), signal);
  }

  #patch(name: string, resourceVersion: string, status: object): Promise<KubeObject> {
    const { kube, namespace, signal } = this.#options;
    return kube.patchStatus(OPERATION, namespace, name, { metadata: { resourceVersion }, status }, { signal });
  }
}

function lost({ name }: OperationRecord): LostRecordError {
  return new LostRecordError(`${name} is gone from the journal`);
}

function decodedOrThrow(object: KubeObject): OperationRecord {
  const decoded = decodeOperation(object);
  if (!decoded.ok) throw new Error(`Operation ${object.metadata.name} cannot be read: ${decoded.error}`);
  return decoded.value;
}
