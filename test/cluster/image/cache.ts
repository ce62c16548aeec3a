import { access, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolder } from '../programs/programs.ts';

export const imageFolder = (): string => join(cacheFolder(), 'images');

const keptPerName = 3;

/** Removes all but the newest few `SLUG-KEY.tar`: an archive of the agent is 200 MB, and each change of its program makes one. */
export async function removeOlder(slug: string): Promise<void> {
  const isOne = new RegExp(`^${RegExp.escape(slug)}-[0-9a-f]+\\.tar$`);
  const archives = (await readdir(imageFolder())).filter((file) => isOne.test(file));
  const dated = await Promise.all(
    archives.map(async (file) => ({ file, at: (await stat(join(imageFolder(), file))).mtimeMs })),
  );
  for (const { file } of dated.sort((a, b) => b.at - a.at).slice(keptPerName)) {
    await rm(join(imageFolder(), `${file}.label`), { force: true });
    await rm(join(imageFolder(), file));
  }
}

/** What is known of a tar file in the cache without reading it. */
export interface ImageLabel {
  ref: string;
  digest: string;
  /** The lower layer of two, which is last in the archive: all before it is `bytesBefore` long. */
  base?: { digest: string; bytesBefore: number };
}

/** What an archive made by `buildImage` holds; nothing for another's, or when it is gone. */
export async function readLabel(archivePath: string): Promise<ImageLabel | undefined> {
  const words = await readWords(archivePath);
  const [, ref, digest, base, bytesBefore] =
    /^(\S+) (sha256:[0-9a-f]{64})(?: (sha256:[0-9a-f]{64}) (\d+))?$/.exec(words) ?? [];
  if (!ref || !digest) return undefined;
  return { ref, digest, ...(base ? { base: { digest: base, bytesBefore: Number(bytesBefore) } } : {}) };
}

export async function writeLabel(archivePath: string, { ref, digest, base }: ImageLabel): Promise<void> {
  const words = [ref, digest, ...(base ? [base.digest, base.bytesBefore] : [])];
  await writeFile(`${archivePath}.label`, words.join(' '));
}

async function readWords(archivePath: string): Promise<string> {
  const isThere = await access(archivePath).then(
    () => true,
    () => false,
  );
  return isThere ? readFile(`${archivePath}.label`, 'utf8').catch(() => '') : '';
}
