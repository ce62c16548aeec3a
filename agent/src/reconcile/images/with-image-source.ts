import { imagePlacesOf, parseImageReference, podSpecOf } from '@steward/shared';
import type { ImageSource } from '../../operations/installation/image-source.ts';

/** The object with its images from where the customer has them, each by the digest it had, and with the customer's pull secrets. */
export function withImageSource<Kind extends { kind: string }>(object: Kind, source: ImageSource): Kind {
  if (source.mirrors.length + source.pullSecrets.length === 0 || !podSpecOf(object)) return object;
  const copy = structuredClone(object);
  const podSpec = podSpecOf(copy);
  if (!podSpec) return object;
  for (const { holder, field } of imagePlacesOf(podSpec)) {
    const reference = holder[field];
    if (typeof reference === 'string') holder[field] = mirrored(reference, source.mirrors);
  }
  if (source.pullSecrets.length > 0) podSpec['imagePullSecrets'] = merged(podSpec, source.pullSecrets);
  return copy;
}

function mirrored(reference: string, mirrors: ImageSource['mirrors']): string {
  const image = parseImageReference(reference);
  if (!image) return reference;
  const name = `${image.host}/${image.repository}`;
  const place = mirroredName(name, mirrors);
  if (place === name) return reference;
  const tag = image.tag === undefined ? '' : `:${image.tag}`;
  const digest = image.digest === undefined ? '' : `@${image.digest}`;
  return `${place}${tag}${digest}`;
}

/** Of an image or a chart, by its full name without tag and digest. */
export function mirroredName(name: string, mirrors: ImageSource['mirrors']): string {
  const mirror = mirrors.find(({ from }) => name.startsWith(`${from}/`));
  return mirror ? `${mirror.to}${name.slice(mirror.from.length)}` : name;
}

function merged(podSpec: Record<string, unknown>, names: readonly string[]): unknown[] {
  const present: unknown[] = Array.isArray(podSpec['imagePullSecrets']) ? podSpec['imagePullSecrets'] : [];
  const known = new Set(present.map((entry) => (entry as { name?: unknown } | null)?.name));
  return [...present, ...names.filter((name) => !known.has(name)).map((name) => ({ name }))];
}
