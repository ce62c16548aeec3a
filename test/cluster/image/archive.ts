import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { writeLabel, type ImageLabel } from './cache.ts';
import type { Descriptor, Layer } from './layer.ts';
import { tarBytes, tarLength, type TarEntry } from './tar.ts';

export interface ArchivePlan {
  /** Name and tag. */
  ref: string;
  /** The name without the tag. */
  repository: string;
  /** OCI's image configuration, but for what follows from the layers. */
  config: object;
  layer: Layer;
  base: Layer | undefined;
}

/** Writes an OCI archive and its label. The base layer is its last entry, so that it can be left out when it is known. */
export async function writeArchive(plan: ArchivePlan, archivePath: string): Promise<ImageLabel> {
  const { ref, repository, layer, base } = plan;
  const layers = [...(base ? [base] : []), layer].map(({ descriptor }) => descriptor);
  const rootfs = { type: 'layers', diff_ids: layers.map(({ digest }) => digest) };
  const history = layers.map(() => ({ created: '1970-01-01T00:00:00Z', created_by: 'test/cluster/image.ts' }));
  const config = describe('application/vnd.oci.image.config.v1+json', { ...plan.config, rootfs, history });
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = describe(manifestType, {
    schemaVersion: 2,
    mediaType: manifestType,
    config: config.descriptor,
    layers,
  });
  const { digest } = manifest.descriptor;
  // Under two names, because an image given by digest is looked for by exactly that.
  const manifests = [ref, `${repository}@${digest}`].map((name) => ({
    ...manifest.descriptor,
    annotations: { 'io.containerd.image.name': name },
  }));
  const entries = [
    text('oci-layout', { imageLayoutVersion: '1.0.0' }),
    text('index.json', { schemaVersion: 2, manifests }),
    blob(manifest.descriptor, manifest.bytes),
    blob(config.descriptor, config.bytes),
    blob(layer.descriptor, { file: layer.path }),
  ];
  const last = base ? [blob(base.descriptor, { file: base.path })] : [];
  await pipeline(tarBytes([...entries, ...last]), createWriteStream(`${archivePath}.new`));
  await rename(`${archivePath}.new`, archivePath);
  const label = {
    ref,
    digest,
    ...(base ? { base: { digest: base.descriptor.digest, bytesBefore: tarLength(entries) } } : {}),
  };
  await writeLabel(archivePath, label);
  return label;
}

const text = (path: string, value: object): TarEntry => {
  const content = Buffer.from(JSON.stringify(value));
  return { kind: 'file', path, mode: 0o644, size: content.length, content };
};

const blob = ({ digest, size }: Descriptor, content: Buffer | { file: string }): TarEntry => {
  return { kind: 'file', path: `blobs/sha256/${digest.slice('sha256:'.length)}`, mode: 0o644, size, content };
};

function describe(mediaType: string, value: object): { descriptor: Descriptor; bytes: Buffer } {
  const bytes = Buffer.from(JSON.stringify(value));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}
