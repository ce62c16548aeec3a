import {
  imagePlacesOf,
  normalizeImage,
  parseImageReference,
  podSpecOf,
  type ReleaseImage,
  type RenderedObject,
} from '@steward/shared';
import { nameOf } from '../../kube/object.ts';
import { done, failed, type Outcome } from '../outcome.ts';

/**
 * The object with every image of its pods named by a digest that the vendor signed. An image that already has such a
 * digest stays as it is: a mirror may have another host, never another digest.
 */
export function pinImages(object: RenderedObject, images: readonly ReleaseImage[]): Outcome<RenderedObject> {
  if (!podSpecOf(object)) return done(object);
  const copy = structuredClone(object);
  const podSpec = podSpecOf(copy);
  if (!podSpec) return done(object);
  for (const { holder, field } of imagePlacesOf(podSpec)) {
    const reference = holder[field];
    const pinned = typeof reference === 'string' ? pin(reference, images) : undefined;
    if (pinned === undefined) {
      const what = typeof reference === 'string' ? reference.slice(0, 300) : 'an image without a name';
      return failed('image-not-signed', `${nameOf(object)} runs ${what}, which the release does not list`);
    }
    holder[field] = pinned;
  }
  return done(copy);
}

function pin(reference: string, images: readonly ReleaseImage[]): string | undefined {
  const image = parseImageReference(reference);
  if (!image) return undefined;
  if (image.digest !== undefined) return images.some(({ digest }) => digest === image.digest) ? reference : undefined;
  const name = normalizeImage(reference);
  const listed = images.find((entry) => entry.reference === name);
  return listed && `${name}@${listed.digest}`;
}
