import { entryFor, type RegistryLogin } from '@steward/shared';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { messageOf, usageError } from '../cli-error.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What `helm registry login` and `docker login` have written, in the order in which it is looked at. */
function loginFiles(env: Env): string[] {
  const home = env['HOME'] ?? homedir();
  const helmHome = env['HELM_CONFIG_HOME'] ?? join(env['XDG_CONFIG_HOME'] ?? join(home, '.config'), 'helm');
  return [
    env['HELM_REGISTRY_CONFIG'] ?? join(helmHome, 'registry', 'config.json'),
    join(env['DOCKER_CONFIG'] ?? join(home, '.docker'), 'config.json'),
  ];
}

/** The login for a place in a registry; undefined when none is written down. @throws CliError for a file that cannot be read */
export async function loadLogin(env: Env, place: string): Promise<RegistryLogin | undefined> {
  for (const path of loginFiles(env)) {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw usageError(`cannot read ${path}: ${messageOf(error)}`);
    });
    if (text === undefined) continue;
    const entry = entryFor(text, place);
    if (!entry.ok) throw usageError(`${path} is no file of logins: ${entry.error}`, 'Correct it, or log in again.');
    if (entry.value?.login) return entry.value.login;
  }
  return undefined;
}
