import { Slug, compile, mapOf } from '@steward/shared';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { homedir } from 'node:os';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { CliError, messageOf } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';

/** One login. `ca` is the PEM text of the hub's own authority: pinned, so that the file may go away. */
export const Profile = Type.Object({
  url: Type.String({ maxLength: 500 }),
  token: Type.Optional(Type.String({ maxLength: 500 })),
  ca: Type.Optional(Type.String({ maxLength: 100_000 })),
  email: Type.Optional(Type.String({ maxLength: 254 })),
});
export type Profile = Static<typeof Profile>;

const ConfigFile = Type.Object({ current: Slug, profiles: mapOf(Profile) });
export type ConfigFile = Static<typeof ConfigFile>;
const decode = compile(ConfigFile);

type Env = Readonly<Record<string, string | undefined>>;

/** `$XDG_CONFIG_HOME/steward/config.json`, or below `~/.config`. */
export function configPath(env: Env): string {
  return join(env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'), 'steward', 'config.json');
}

/** Also where the home itself is none, as `/dev/null` of an account without one. */
function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** An absent file is an empty one. @throws CliError when it cannot be read or is not a configuration */
export async function loadConfig(path: string): Promise<ConfigFile> {
  const empty: ConfigFile = { current: 'default', profiles: {} };
  try {
    const decoded = decode(JSON.parse(await readFile(path, 'utf8')));
    if (decoded.ok) return decoded.value;
    throw new Error(decoded.error);
  } catch (error) {
    if (isMissing(error)) return empty;
    throw new CliError(EXIT.usage, `cannot use ${path}: ${messageOf(error)}`, {
      action: 'Correct or delete the file, then log in again with `steward login`.',
      cause: error,
    });
  }
}

/** Replaces the file in one step, readable by its owner only. */
export async function saveConfig(path: string, config: ConfigFile): Promise<void> {
  const draft = `${path}.${process.pid}.new`;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(draft, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    await chmod(draft, 0o600);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new CliError(EXIT.usage, `cannot write ${path}: ${messageOf(error)}`, {
      action: 'Name a folder that you can write in by XDG_CONFIG_HOME, or log in by STEWARD_URL and STEWARD_TOKEN.',
      cause: error,
    });
  }
}
