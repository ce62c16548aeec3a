import * as Type from 'typebox';
import { compile } from '../schema.ts';
import { mapOf } from '../schema-map.ts';

/** What `docker login` and `helm registry login` write, and what a Secret of type kubernetes.io/dockerconfigjson holds. Helpers are not asked. */
const decode = compile(
  Type.Object({
    auths: Type.Optional(
      mapOf(
        Type.Object({
          auth: Type.Optional(Type.String()),
          username: Type.Optional(Type.String()),
          password: Type.Optional(Type.String()),
        }),
      ),
    ),
  }),
);

export interface RegistryLogin {
  username: string;
  password: string;
}

export interface RegistryEntry {
  /** The host, with a path where the entry is for a part of it only. */
  name: string;
  /** Absent where the entry only names the registry. */
  login?: RegistryLogin;
}

/**
 * The entry of such a file that fits a place best, the longest path first; undefined when none does.
 * @returns `ok: false` when it is no such file
 */
export function entryFor(
  text: string,
  place: string,
): { ok: true; value: RegistryEntry | undefined } | { ok: false; error: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { ok: false, error: 'it is not JSON' };
  }
  const config = decode(json);
  if (!config.ok) return config;
  const fitting = Object.entries(config.value.auths ?? {})
    .map(([key, entry]) => ({ name: nameOf(key), login: loginOf(entry) }))
    .filter(({ name }) => place === name || place.startsWith(`${name}/`))
    .toSorted((a, b) => b.name.length - a.name.length);
  const [best] = fitting;
  return { ok: true, value: best && { name: best.name, ...(best.login && { login: best.login }) } };
}

/** `https://index.docker.io/v1/` is Docker's way to write docker.io. */
function nameOf(key: string): string {
  const name = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  return name === 'index.docker.io' || name === 'registry-1.docker.io' ? 'docker.io' : name;
}

function loginOf(entry: { auth?: string; username?: string; password?: string }): RegistryLogin | undefined {
  if (entry.username !== undefined && entry.password !== undefined)
    return { username: entry.username, password: entry.password };
  const [, username, password] = /^([^:]+):(.+)$/s.exec(Buffer.from(entry.auth ?? '', 'base64').toString('utf8')) ?? [];
  return username === undefined || password === undefined ? undefined : { username, password };
}
