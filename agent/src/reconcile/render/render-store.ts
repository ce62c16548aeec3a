import * as Type from 'typebox';
import { compile, sha256 } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { SECRET } from '../../operations/kinds.ts';
import { persist } from '../../operations/persist.ts';
import { unpackSet, type PackedSet, type ReleaseSet } from './release-set.ts';

/** Bytes of one Secret's content; etcd takes 1.5 MB an object. */
const CHUNK_BYTES = 600 * 1024;

const decodeSecret = compile(Type.Object({ data: Type.Object({ set: Type.String() }) }));

/** Somebody removed a stored set, or part of it, or altered it. */
export class LostSetError extends Error {
  override readonly name = 'LostSetError';
}

export interface RenderStoreOptions {
  kube: Pick<KubeClient, 'apply' | 'get' | 'remove'>;
  /** The agent's own. */
  namespace: string;
  signal: AbortSignal;
}

/**
 * Rendered sets, as Secrets in the agent's namespace: a chart may make passwords. A set is named by a reference,
 * `render-nats-g3 2 sha256:…`: the Secrets' name, how many there are, and the digest of what is in them together.
 */
export class RenderStore {
  readonly #options: RenderStoreOptions;

  constructor(options: RenderStoreOptions) {
    this.#options = options;
  }

  /** Writing again replaces what an earlier, interrupted try left. @returns as {@link referenceOf} */
  async save(installation: string, generation: number, packed: PackedSet): Promise<string> {
    const { kube, namespace, signal } = this.#options;
    const { bytes } = packed;
    const reference = referenceOf(installation, generation, packed);
    const { name, chunks } = parseReference(reference);
    await Promise.all(
      Array.from({ length: chunks }, (_, index) => {
        const part = bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
        const object: KubeObject = {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: chunkName(name, index), namespace },
          type: 'steward.dev/rendered-set',
          data: { set: Buffer.from(part).toString('base64') },
        };
        return persist(() => kube.apply(object, { fieldManager: 'steward-agent', force: true, signal }), signal);
      }),
    );
    // A longer one of an interrupted try: nothing names its last parts, and {@link find} would take them for this one's.
    for (let index = chunks; await this.#chunk(name, index); index += 1) await this.#removeChunk(name, index);
    return reference;
  }

  /** @throws LostSetError when it is not there or not what was stored */
  async load(reference: string): Promise<ReleaseSet> {
    return (await this.loadPacked(reference)).set;
  }

  /** With its bytes, to be stored once more. @throws LostSetError */
  async loadPacked(reference: string): Promise<PackedSet & { set: ReleaseSet }> {
    const { name, chunks, digest } = parseReference(reference);
    const parts = await Promise.all(
      Array.from({ length: chunks }, async (_, index) => {
        const part = await this.#chunk(name, index);
        if (!part)
          throw new LostSetError(`the stored set ${name} is incomplete: Secret ${chunkName(name, index)} is missing`);
        return part;
      }),
    );
    try {
      const bytes = Buffer.concat(parts);
      return { bytes, digest, set: unpackSet(bytes, digest) };
    } catch (cause) {
      throw new LostSetError(`the stored set ${name} is not what was stored: ${String(cause)}`, { cause });
    }
  }

  /** The set of a generation without its reference; undefined when there is none, or none that is whole. */
  async find(installation: string, generation: number): Promise<{ reference: string; set: ReleaseSet } | undefined> {
    const name = setName(installation, generation);
    const parts: Buffer[] = [];
    for (let part = await this.#chunk(name, 0); part; part = await this.#chunk(name, parts.length)) parts.push(part);
    if (parts.length === 0) return undefined;
    const bytes = Buffer.concat(parts);
    const digest = sha256(bytes);
    try {
      return { reference: `${name} ${parts.length} ${digest}`, set: unpackSet(bytes, digest) };
    } catch {
      return undefined;
    }
  }

  async #chunk(name: string, index: number): Promise<Buffer | undefined> {
    const { kube, namespace, signal } = this.#options;
    const secret = await persist(() => kube.get(SECRET, namespace, chunkName(name, index), { signal }), signal);
    const decoded = decodeSecret(secret);
    return decoded.ok ? Buffer.from(decoded.value.data.set, 'base64') : undefined;
  }

  /** Safe when it is gone. */
  async remove(reference: string): Promise<void> {
    const { name, chunks } = parseReference(reference);
    for (let index = 0; index < chunks; index += 1) await this.#removeChunk(name, index);
  }

  async #removeChunk(name: string, index: number): Promise<void> {
    const { kube, namespace, signal } = this.#options;
    await persist(() => kube.remove(SECRET, namespace, chunkName(name, index), { signal }), signal);
  }
}

/** By what the set will be named when it is stored: it can be written down before. */
export function referenceOf(installation: string, generation: number, { bytes, digest }: PackedSet): string {
  const chunks = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
  return `${setName(installation, generation)} ${chunks} ${digest}`;
}

/** Whether a reference is of the set that was stored for this very generation, and of none before. */
export function isSetOf(
  reference: string,
  { installation, generation }: { installation: string; generation: number },
): boolean {
  return reference.startsWith(`${setName(installation, generation)} `);
}

function setName(installation: string, generation: number): string {
  return `render-${installation}-g${generation}`;
}

function chunkName(name: string, index: number): string {
  return index === 0 ? name : `${name}-${index}`;
}

function parseReference(reference: string): { name: string; chunks: number; digest: string } {
  const match = /^(?<name>render-\S+) (?<chunks>[1-9]\d{0,2}) (?<digest>sha256:[0-9a-f]{64})$/.exec(reference)?.groups;
  if (!match) throw new LostSetError(`"${reference}" is no reference to a stored set`);
  return { name: match['name'] ?? '', chunks: Number(match['chunks']), digest: match['digest'] ?? '' };
}
