import { ChartPlace, compile, Digest, LIMITS, sha256 } from '@steward/shared';
import * as Type from 'typebox';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registry } from './open-registry.ts';

const SCHEME = 'oci://';
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CHART = 'application/vnd.cncf.helm.chart.content.v1.tar+gzip';
const MAX_MANIFEST_BYTES = 256 * 1024;

const decodePlace = compile(ChartPlace);
const decodeManifest = compile(
  Type.Object({
    layers: Type.Array(Type.Object({ mediaType: Type.String(), digest: Digest, size: Type.Integer({ minimum: 1 }) }), {
      maxItems: 100,
    }),
  }),
);

export function isInRegistry(text: string): boolean {
  return text.startsWith(SCHEME);
}

/** `oci://registry.acme.example/charts/nats`, without the scheme. @throws CliError for anything else */
export function placeOf(text: string): string {
  const place = text.slice(SCHEME.length).replace(/^(registry-1|index)\.docker\.io\//, 'docker.io/');
  if (decodePlace(place).ok) return place;
  throw usageError(
    `"${text}" is not the place of a chart in a registry`,
    'Write it as oci://HOST/PATH/CHART in lower-case letters; its version is given by --version.',
  );
}

/** The packed chart that is pushed under a version, byte for byte. @throws CliError */
export async function pullChart(registry: Registry, place: string, version: string): Promise<Buffer> {
  // Tags know no plus sign; Helm writes it so.
  const tag = version.replaceAll('+', '_');
  if (!/^\w[\w.-]{0,127}$/.test(tag)) throw usageError(`"${version}" is not a version`, 'Write it as 1.2.3');
  const bytes = await registry.read({ path: `manifests/${tag}`, accept: MANIFEST, maxBytes: MAX_MANIFEST_BYTES });
  const layer = chartLayer(bytes, `${place}:${tag}`);
  if (layer.size > LIMITS.maxChartBytes)
    throw refuse(
      `the chart at ${place}:${tag} has ${layer.size} bytes; the limit is ${LIMITS.maxChartBytes}`,
      'Leave out by .helmignore what is not needed to render it, and push it again.',
    );
  return pullBlob(registry, { digest: layer.digest, bytes: layer.size });
}

/** A blob of known digest and size. @throws CliError when the registry has another one under that digest */
export async function pullBlob(registry: Registry, blob: { digest: string; bytes: number }): Promise<Buffer> {
  const { digest, bytes: maxBytes } = blob;
  const content = await registry.read({ path: `blobs/${digest}`, accept: 'application/octet-stream', maxBytes });
  const found = sha256(content);
  if (found === digest) return content;
  throw refuse(
    `the registry sent ${found} instead of ${digest}`,
    'Push the chart to the registry again; if it stays so, ask who runs the registry.',
  );
}

function chartLayer(manifest: Buffer, where: string): { digest: string; size: number } {
  let json: unknown;
  try {
    json = JSON.parse(manifest.toString('utf8'));
  } catch {
    json = undefined;
  }
  const decoded = decodeManifest(json);
  const layers = decoded.ok ? decoded.value.layers.filter(({ mediaType }) => mediaType === CHART) : [];
  const [layer] = layers;
  if (layer && layers.length === 1) return layer;
  throw refuse(`${where} is not a Helm chart`, 'Give the place of a chart that `helm push` has pushed.');
}

function refuse(message: string, action: string): CliError {
  return new CliError(EXIT.failed, message, { action });
}
