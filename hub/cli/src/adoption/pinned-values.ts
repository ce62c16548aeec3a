import { normalizeImage, parseImageReference, type ReleaseImage, isRecord } from '@steward/shared';
import { mergeValues, type Values } from '../values-path.ts';

/** What a chart renders to: its images, and by name each object without them. */
export interface RenderedParts {
  images: string[];
  rest: ReadonlyMap<string, string>;
}

export interface PinQuestion {
  /** The chart's own values, and those that were set over them. */
  defaults: Values;
  parameters: Values;
  /** By the digests of which the service runs. */
  images: readonly ReleaseImage[];
  /** Undefined when the chart does not render with these values. */
  render: (values: Values) => Promise<RenderedParts | undefined>;
}

export interface PinnedValues {
  /** The parameters, with more of them where that makes the chart name its images as they run. */
  values: Values;
  /** Images that no value changes: what runs them is restarted once when Helm applies the chart. */
  open: string[];
}

const MAX_TRIES = 60;

/**
 * Finds the values by which a chart names its images by the digest that runs, so that Helm finds nothing to change. A chart
 * says nowhere which values make an image: each that looks like it is tried, and kept when the render shows that it is, and
 * that it changes nothing else (a tag may stand in a label too).
 */
export async function pinnedValues({ defaults, parameters, images, render }: PinQuestion): Promise<PinnedValues> {
  let values = parameters;
  const [plain, again] = [await render(values), await render(values)];
  // Nothing is proven of a chart that this helm does not render.
  if (!plain || !again) return { values, open: images.map(({ reference }) => reference) };
  const stable = [...plain.rest].filter(([name, text]) => again.rest.get(name) === text);
  let open = openImages(plain.images, images);
  const tries = candidatesOf(mergeValues(defaults, parameters), images).slice(0, MAX_TRIES);
  for (const candidate of tries) {
    if (open.length === 0) break;
    const tried = mergeValues(values, candidate);
    const rendered = await render(tried);
    const isSame = rendered !== undefined && stable.every(([name, text]) => rendered.rest.get(name) === text);
    const left = isSame ? openImages(rendered.images, images) : open;
    if (left.length < open.length) [values, open] = [tried, left];
  }
  return { values, open: [...new Set(open)] };
}

/** Those that are not named by the digest that runs. One that the chart itself names by digest runs as it is. */
function openImages(rendered: readonly string[], images: readonly ReleaseImage[]): string[] {
  return rendered.filter((image) => {
    const pinned = pinnedName(image, images);
    return pinned !== image && parseImageReference(image)?.digest === undefined;
  });
}

/** As the agent writes it into what it applies. */
function pinnedName(image: string, images: readonly ReleaseImage[]): string | undefined {
  const name = normalizeImage(image.split('@')[0] ?? '');
  const listed = images.find(({ reference }) => reference === name);
  return listed && `${listed.reference}@${listed.digest}`;
}

/** Values that would name an image by its digest, each as a tree to lay over the others. */
function candidatesOf(values: Values, images: readonly ReleaseImage[]): Values[] {
  return Object.entries(values).flatMap(([key, value]): Values[] => {
    const inner = isRecord(value)
      ? [...partsOf(value, images), ...candidatesOf(value, images)]
      : typeof value === 'string'
        ? [pinnedName(value, images)].filter((name) => name !== undefined)
        : [];
    return inner.map((one) => ({ [key]: one }));
  });
}

/** `{ registry, repository, tag }` as most charts have it, with a place for a digest in some. */
function partsOf(value: Values, images: readonly ReleaseImage[]): Values[] {
  const { registry, repository = value['name'], tag } = value;
  if (typeof repository !== 'string') return [];
  const written = typeof registry === 'string' && registry !== '' ? `${registry}/${repository}` : repository;
  const wanted = parseImageReference(written);
  if (!wanted) return [];
  return images.flatMap(({ reference, digest }): Values[] => {
    const image = parseImageReference(reference);
    if (!image || image.host !== wanted.host || image.repository !== wanted.repository) return [];
    if (typeof tag === 'string' && tag !== '' && tag !== image.tag) return [];
    const field = 'repository' in value ? 'repository' : 'name';
    const where =
      registry === undefined
        ? { [field]: `${image.host}/${image.repository}` }
        : { registry: image.host, [field]: image.repository };
    return [
      { ...where, tag: `${image.tag ?? 'latest'}@${digest}` },
      { ...where, digest },
    ];
  });
}
