import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile, parseImageReference, Slug, type Decoded } from '@steward/shared';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { apiVersionOf } from '../../kube/object.ts';
import type { ImageSource } from '../../operations/installation/image-source.ts';
import { IMAGE_SOURCE } from '../../operations/kinds.ts';
import { persist } from '../../operations/persist.ts';
import { done, failed, type Outcome } from '../outcome.ts';

const SecretNames = Type.Array(Type.String({ maxLength: 253, pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' }), {
  maxItems: 10,
});

const Spec = Type.Object(
  {
    mirrors: Type.Optional(
      Type.Array(Type.Object({ from: Type.String({ maxLength: 300 }), to: Type.String({ maxLength: 300 }) }), {
        maxItems: 50,
      }),
    ),
    pullSecrets: Type.Optional(SecretNames),
    chartPullSecrets: Type.Optional(SecretNames),
    installations: Type.Optional(Type.Array(Slug, { minItems: 1 })),
  },
  { additionalProperties: false },
);
const decode = compile(Type.Object({ spec: Spec }));

/** What counts for an installation now: for its images, which is kept with the generation, and to get its chart once. */
export interface CustomerSource {
  images: ImageSource;
  /** Names of Secrets beside the ImageSource. */
  chartPullSecrets: string[];
}

/**
 * The customer's ImageSource objects as they are now, as far as they are for this installation. There are none where the cluster
 * does not have the definition, as before the install line that brings it with the right to read them. Where the definition is
 * there and the right is not (`missing-rights`), or one cannot be read, it is a failure: images must not come from where the customer
 * does not want them.
 */
export async function loadImageSource(
  kube: KubeClient,
  { namespace, installation, signal }: { namespace: string; installation: string; signal: AbortSignal },
): Promise<Outcome<CustomerSource>> {
  try {
    const objects = await persist(() => listSources(kube, namespace, signal), signal);
    return mergeImageSources(objects, installation);
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return failed('missing-rights', mayNotRead(namespace));
    throw error;
  }
}

async function listSources(kube: KubeClient, namespace: string, signal: AbortSignal): Promise<KubeObject[]> {
  try {
    return await kube.list(IMAGE_SOURCE, namespace, { signal });
  } catch (error) {
    const status = isKubeError(error) ? error.status : undefined;
    if (status === 404) return [];
    // The right is asked for first: without a definition it may be refused too.
    if (status === 403 && !(await kube.resourceOf(apiVersionOf(IMAGE_SOURCE), IMAGE_SOURCE.kind))) return [];
    throw error;
  }
}

function mayNotRead(namespace: string): string {
  return [
    `The agent may not read the ImageSources in namespace ${namespace}, and does not get images without knowing what they say. Missing:`,
    `  ${IMAGE_SOURCE.plural}.${IMAGE_SOURCE.group}: get, list, watch`,
    'Apply the line that installed the agent again; nothing else needs to be done.',
  ].join('\n');
}

export function mergeImageSources(objects: readonly KubeObject[], installation: string): Outcome<CustomerSource> {
  const mirrors = new Map<string, { to: string; name: string }>();
  const pullSecrets = new Set<string>();
  const chartPullSecrets = new Set<string>();
  for (const object of objects) {
    const { name } = object.metadata;
    const read = readImageSource(object);
    if (!read.ok) return invalid(name, read.error);
    const spec = read.value;
    if (spec.installations && !spec.installations.includes(installation)) continue;
    for (const secret of spec.pullSecrets ?? []) pullSecrets.add(secret);
    for (const secret of spec.chartPullSecrets ?? []) chartPullSecrets.add(secret);
    for (const { from, to } of spec.mirrors ?? []) {
      const other = mirrors.get(from);
      if (other && other.to !== to)
        return invalid(name, `it has ${from} at ${to}, and ImageSource/${other.name} has it at ${other.to}`);
      mirrors.set(from, { to, name });
    }
  }
  const sorted = [...mirrors].map(([from, { to }]) => ({ from, to })).sort((a, b) => b.from.length - a.from.length);
  const images = { mirrors: sorted, pullSecrets: [...pullSecrets].sort() };
  return done({ images, chartPullSecrets: [...chartPullSecrets].sort() });
}

/** One ImageSource by itself; whether it fits the others is another question. */
export function readImageSource(object: KubeObject): Decoded<Static<typeof Spec>> {
  const decoded = decode(object);
  if (!decoded.ok) return decoded;
  const { spec } = decoded.value;
  const places = (spec.mirrors ?? []).flatMap(({ from, to }) => [from, to]);
  const wrong = places.find((place) => !isPlace(place));
  if (wrong === undefined) return { ok: true, value: spec };
  return { ok: false, error: `"${wrong}" is not a registry's host with or without a folder` };
}

function invalid(name: string, why: string): Outcome<never> {
  return failed('image-source-invalid', `ImageSource/${name} cannot be used: ${why}`);
}

/** `docker.io`, `registry.example:5000/team`: the host is there, and neither tag nor digest. */
function isPlace(text: string): boolean {
  const [host = ''] = text.split('/');
  if (!/[.:]/.test(host) && host !== 'localhost') return false;
  const image = parseImageReference(`${text}/any/image`);
  return image !== undefined && `${image.host}/${image.repository}` === `${text}/any/image`;
}
