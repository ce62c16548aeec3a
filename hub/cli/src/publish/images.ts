import { Digest, compile, normalizeImage, parseImageReference, type ReleaseImage } from '@steward/shared';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { messageOf, usageError } from '../cli-error.ts';
import type { Findings } from '../findings/finding.ts';

const decodeDigest = compile(Digest);
/** Looks the digest of an image up where it is stored; undefined when that cannot be told, with the reason told. */
export type DigestLookup = (reference: string) => Promise<string | undefined>;

function entryOf(text: string, where: string): [reference: string, digest: string] {
  const [written = '', digest = ''] = text.split(/\s*[=@\s]\s*(?=sha256:)/);
  const reference = normalizeImage(written);
  if (reference === undefined || !decodeDigest(digest).ok)
    throw usageError(
      `${where}: "${text}" is not REFERENCE=sha256:DIGEST`,
      'Write it as nats:2.15.2=sha256:… (64 hex digits)',
    );
  return [reference, digest];
}

/**
 * Digests given by hand.
 * @param given of `--image`
 * @param file of `--images-file`: a line per image, `#` starts a comment
 */
export async function givenDigests(
  given: readonly string[],
  file: string | undefined,
  cwd: string,
): Promise<Map<string, string>> {
  const entries = given.map((text) => entryOf(text, '--image'));
  if (file !== undefined) {
    const text = await readFile(resolve(cwd, file), 'utf8').catch((error: unknown) => {
      throw usageError(`cannot read the list of images: ${messageOf(error)}`);
    });
    for (const [at, line] of text.split(/\r?\n/).entries()) {
      const bare = line.replace(/#.*/, '').trim();
      if (bare !== '') entries.push(entryOf(bare, `${file}:${at + 1}`));
    }
  }
  return new Map(entries);
}

/**
 * Pins every image of the chart to a digest: the one the chart itself writes, else the one given, else the one its registry
 * names now. What stays open becomes an error.
 */
export async function pinImages(
  written: readonly string[],
  given: ReadonlyMap<string, string>,
  lookup: DigestLookup | undefined,
  findings: Findings,
): Promise<ReleaseImage[]> {
  const pinned = new Map<string, string>();
  for (const image of written) {
    const reference = normalizeImage(image);
    if (reference === undefined || pinned.has(reference)) continue;
    const digest = parseImageReference(image)?.digest ?? given.get(reference) ?? (await lookup?.(reference));
    if (digest !== undefined) pinned.set(reference, digest);
    else
      findings.add('error', 'image-digest', `the digest of ${reference} is not known`, {
        action: `Give it: --image ${reference}=sha256:…, or write image@sha256:… in the chart.`,
      });
  }
  for (const reference of given.keys())
    if (!pinned.has(reference))
      findings.add('warning', 'image-unused', `${reference} was given a digest, but no variant of the chart uses it`);
  return [...pinned]
    .map(([reference, digest]) => ({ reference, digest }))
    .toSorted((a, b) => (a.reference < b.reference ? -1 : 1));
}
