import { compile, generateReleaseKey, ReleaseKey, releaseKeyOf, sha256 } from '@steward/shared';
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { open, readFile, stat, writeFile } from 'node:fs/promises';
import { CliError, messageOf, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { SigningKey } from './publish-release.ts';

const decodePublicKey = compile(ReleaseKey);

/** `release.key` → `release.key.pub` */
export function publicKeyPath(path: string): string {
  return `${path}.pub`;
}

/**
 * Makes a release key: the private half at `path`, readable by its owner only, the public half beside it.
 * @throws CliError when the file is there already: a key that signed releases must not be lost
 */
export async function createKeyFile(path: string): Promise<ReleaseKey> {
  const { privateKeyPem, key } = generateReleaseKey();
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(privateKeyPem);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (isThere)
      throw new CliError(EXIT.conflict, `${path} is there already, and a key is never overwritten`, {
        action: 'Choose another file name, or use the key that is there.',
      });
    throw usageError(`cannot write the key: ${messageOf(error)}`);
  }
  await writeFile(publicKeyPath(path), `${JSON.stringify(key, null, 2)}\n`).catch((error: unknown) => {
    throw usageError(
      `the key was made, and its public half cannot be written: ${messageOf(error)}`,
      `\`steward keys trust ${path} --name NAME\` takes the private file too, and sends its public half only.`,
    );
  });
  return key;
}

/** Reads a private key. @throws CliError when it is none, or when others on this machine can read it */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const privateKeyPem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usageError(`cannot read the key: ${messageOf(error)}`, 'Make one with `steward keys create FILE`.');
  });
  const { mode } = await stat(path);
  if (process.platform !== 'win32' && (mode & 0o077) !== 0)
    throw usageError(`${path} can be read by others on this machine`, `Protect it first: chmod 600 ${path}`);
  try {
    const key = releaseKeyOf(createPublicKey(createPrivateKey(privateKeyPem)));
    return { privateKeyPem, key };
  } catch (error) {
    throw usageError(
      `${path} is not an Ed25519 private key: ${messageOf(error)}`,
      'Give the file that `steward keys create` wrote.',
    );
  }
}

/** Reads the public half from a `.pub` file, or from a private key. */
export async function loadPublicKey(path: string): Promise<ReleaseKey> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usageError(`cannot read the key: ${messageOf(error)}`);
  });
  if (text.includes('PRIVATE KEY')) return (await loadSigningKey(path)).key;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw usageError(`${path} is no key file`, 'Give a file that `steward keys create` wrote, or its .pub file.');
  }
  const decoded = decodePublicKey(json);
  if (!decoded.ok || sha256(Buffer.from(decoded.value.publicKey, 'base64')) !== decoded.value.fingerprint)
    throw usageError(`${path} is not a public release key, or its fingerprint does not fit`);
  return decoded.value;
}
