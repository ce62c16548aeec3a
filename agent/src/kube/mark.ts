import { createHash } from 'node:crypto';
import type { KubeObject } from './client.ts';

/** What the API server changes by itself: it says nothing about what is wanted. */
const OF_THE_SERVER: ReadonlySet<string> = new Set(['resourceVersion', 'managedFields', 'generation', 'selfLink']);

/**
 * A short text that changes when somebody changes what an object asks for, and not with its status: from its generation
 * where it has one, else from its content. Kept instead of the object.
 */
export function markOf({ metadata, status: _status, ...content }: KubeObject): string {
  const { uid, generation, labels, annotations, deletionTimestamp } = metadata;
  const asked =
    generation === undefined
      ? [Object.entries(metadata).filter(([key]) => !OF_THE_SERVER.has(key)), content]
      : [uid, generation, labels, annotations, deletionTimestamp];
  return createHash('sha1').update(JSON.stringify(asked)).digest('base64').slice(0, 12);
}
