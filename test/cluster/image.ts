import { createHash } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeArchive } from './image/archive.ts';
import { imageFolder, readLabel, removeOlder, type ImageLabel } from './image/cache.ts';
import { layerEntries, type ImageFile } from './image/files.ts';
import { cachedLayer, packLayer, type Layer } from './image/layer.ts';
import { tarBytes, type TarEntry } from './image/tar.ts';
import { withLock } from './programs/lock.ts';

export { sharedLibraries, type ImageFile } from './image/files.ts';

export interface ImageRecipe {
  /** With its registry part and tag, as pods will name it: `steward.test/agent:1`. */
  name: string;
  files: readonly ImageFile[];
  /** Files that are big and seldom change: a layer below of their own, packed and loaded into a cluster once. */
  base?: readonly ImageFile[];
  entrypoint: readonly string[];
  cmd?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** A number, so that `runAsNonRoot` can be checked. */
  user?: string;
  workdir?: string;
}

export interface BuiltImage {
  archivePath: string;
  /** `name:tag`. */
  ref: string;
  /** Of the manifest, `sha256:…`; `name@digest` and `name:tag@digest` run too. */
  digest: string;
}

const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Packs an OCI archive, whole in itself, without engine or registry. The same recipe over the same file contents gives
 * the same digest, and is taken from the cache the second time.
 */
export async function buildImage(recipe: ImageRecipe): Promise<BuiltImage> {
  const repository = repositoryOf(recipe.name);
  await mkdir(imageFolder(), { recursive: true });
  const base = recipe.base ? await cachedLayer(await layerEntries(recipe.base)) : undefined;
  const entries = await layerEntries(recipe.files);
  const slug = recipe.name.replace(/[^a-z0-9.-]+/gi, '_');
  const archivePath = join(imageFolder(), `${slug}-${await keyOf(recipe, base, entries)}.tar`);
  const build = async (): Promise<ImageLabel> => {
    const layer = await packLayer(entries, `${archivePath}.layer`);
    const plan = { ref: recipe.name, repository, config: imageConfig(recipe), layer, base };
    const label = await writeArchive(plan, archivePath);
    await rm(layer.path);
    return label;
  };
  return withLock(`image-${slug}`, async () => {
    const { digest } = (await readLabel(archivePath)) ?? (await build());
    await removeOlder(slug);
    return { archivePath, ref: recipe.name, digest };
  });
}

function repositoryOf(name: string): string {
  const [, repository] = /^([a-z0-9-]+(?:\.[a-z0-9-]+|:\d+)[^:@]*):[\w.-]+$/.exec(name) ?? [];
  if (!repository)
    throw new Error(`image name "${name}" needs a registry part with a dot, and a tag: steward.test/agent:1`);
  return repository;
}

async function keyOf(recipe: ImageRecipe, base: Layer | undefined, entries: readonly TarEntry[]): Promise<string> {
  const { files: _, base: __, ...rest } = recipe;
  const hash = createHash('sha256').update(JSON.stringify([rest, architecture, base?.descriptor]));
  for await (const chunk of tarBytes(entries)) hash.update(chunk);
  return hash.digest('hex').slice(0, 32);
}

function imageConfig(recipe: ImageRecipe): object {
  const env = { PATH: defaultPath, ...recipe.env };
  return {
    created: '1970-01-01T00:00:00Z',
    architecture,
    os: 'linux',
    config: {
      Entrypoint: recipe.entrypoint,
      Cmd: recipe.cmd ?? [],
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      User: recipe.user ?? '',
      WorkingDir: recipe.workdir ?? '/',
    },
  };
}
