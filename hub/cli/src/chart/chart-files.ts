import { LIMITS } from '@steward/shared';
import { lstat, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { readBytes } from '../bytes.ts';
import { CliError, messageOf } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { helmIgnore, type IgnoreRule } from './helm-ignore.ts';

/** The files of a chart by their path inside it (`templates/service.yaml`), without the folder that an archive wraps them in. */
export type ChartFiles = Map<string, Buffer>;

const maxFiles = 5_000;
const maxUnpackedBytes = 4 * LIMITS.maxChartBytes;

function refuse(message: string, action: string): CliError {
  return new CliError(EXIT.failed, message, { action });
}

function tooLarge(what: string): CliError {
  const mebibytes = Math.round(maxUnpackedBytes / 1024 / 1024);
  return refuse(
    `${what} holds more than ${mebibytes} MiB or ${maxFiles} files`,
    'Leave out by .helmignore what is not part of the chart.',
  );
}

/** A count of files and bytes that ends with an error when it gets too large, whatever the input says of itself. */
function meter(what: string): (bytes: number) => void {
  let files = 0;
  let total = 0;
  return (bytes) => {
    files += 1;
    total += bytes;
    if (files > maxFiles || total > maxUnpackedBytes) throw tooLarge(what);
  };
}

async function ignoreRule(folder: string): Promise<IgnoreRule> {
  const text = await readFile(join(folder, '.helmignore'), 'utf8').catch(() => '');
  try {
    return helmIgnore(text);
  } catch (error) {
    throw refuse(
      `.helmignore: ${messageOf(error)}`,
      'Correct the line; see https://helm.sh/docs/chart_template_guide/helm_ignore_file/',
    );
  }
}

/**
 * Reads a chart's folder, without what .helmignore leaves out. A link is refused: what it points to may differ
 * on another machine, or lie outside the chart.
 */
export async function readChartFolder(folder: string): Promise<ChartFiles> {
  const isIgnored = await ignoreRule(folder);
  const files: ChartFiles = new Map();
  const count = meter(folder);
  const visit = async (inside: string): Promise<void> => {
    for (const name of (await readdir(join(folder, inside))).sort()) {
      const path = inside === '' ? name : `${inside}/${name}`;
      const full = join(folder, path);
      const stat = await lstat(full);
      if (isIgnored(path, stat.isDirectory())) continue;
      if (stat.isDirectory()) await visit(path);
      else if (stat.isFile()) {
        count(stat.size);
        files.set(path, await readFile(full));
      } else
        throw refuse(
          `${path} is a ${stat.isSymbolicLink() ? 'symbolic link' : 'special file'}; a chart holds plain files only`,
          'Copy the file into the chart, or leave it out by .helmignore.',
        );
    }
  };
  await visit('');
  return files;
}

/** Reads a packed chart (`helm package`, or ours). */
export async function readChartArchive(bytes: Buffer, name: string): Promise<ChartFiles> {
  const files: ChartFiles = new Map();
  const count = meter(name);
  const entries = extract();
  const source = Readable.from([bytes]);
  const unzip = createGunzip();
  const onError = (error: Error): void => entries.destroy(error);
  source.on('error', onError);
  unzip.on('error', onError);
  source.pipe(unzip).pipe(entries);
  try {
    for await (const entry of entries) {
      const { type, name: path } = entry.header;
      if (type === 'file') {
        count(entry.header.size ?? 0);
        files.set(insidePath(path), await readBytes(entry, maxUnpackedBytes));
      } else if (type !== 'directory') {
        throw refuse(
          `${path} in the archive is a ${type}; a chart holds plain files only`,
          'Pack the chart again without it.',
        );
      } else entry.resume();
    }
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw refuse(
      `${name} is not a packed chart: ${messageOf(error)}`,
      'Give a chart folder, or a .tgz made by `helm package`.',
    );
  } finally {
    source.destroy();
    unzip.destroy();
    entries.destroy();
  }
  return files;
}

function insidePath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  if (path.startsWith('/') || parts.includes('..') || parts.length < 2)
    throw refuse(
      `"${path}" in the archive lies outside the chart's folder`,
      'Pack the chart again with `helm package`.',
    );
  return parts.slice(1).join('/');
}
