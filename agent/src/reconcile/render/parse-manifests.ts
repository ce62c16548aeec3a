import { hooksOf, readManifests, type RenderedObject } from '@steward/shared';
import { done, failed, type Outcome } from '../outcome.ts';

/** The objects in what `helm template` printed. Errors name the template and the line, never the text. */
export function parseManifests(text: string): Outcome<RenderedObject[]> {
  const read = readManifests(text);
  if (!read.ok) return failed(read.isTooLarge ? 'too-large' : 'render-failed', read.error);
  for (const { object, template } of read.objects) {
    const hooks = hooksOf(object);
    if (hooks.length === 0) continue;
    const what = `${object.kind}/${object.metadata.name} in ${template} is a "${hooks.join(', ')}" hook`;
    return failed('render-failed', `${what}. Hooks other than tests come with a later version of Steward`);
  }
  return done(read.objects.map(({ object }) => object));
}
