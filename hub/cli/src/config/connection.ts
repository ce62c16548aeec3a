import { compile, Slug } from '@steward/shared';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { CliError, messageOf, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { configPath, loadConfig, type Profile } from './config-file.ts';

const decodeSlug = compile(Slug);

/** Flags that every command has. */
export interface ConnectionFlags {
  profile?: string;
}

/** A hub to talk to, and where each part was taken from. */
export interface Connection extends Profile {
  profileName: string;
}

/** @throws CliError for what is not an http(s) address. A path is kept: a hub may live below one */
export function hubUrl(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  if (!url || !['https:', 'http:'].includes(url.protocol) || url.username)
    throw usageError(`"${text}" is not a hub address`, 'Write it as https://hub.example.com:8443');
  const isLocal = ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname);
  if (url.protocol === 'http:' && !isLocal)
    throw usageError(`${text} would send your token unprotected`, 'Use https://; http:// is for localhost only.');
  return url.href.replace(/\/+$/, '');
}

/** @throws CliError when there is no such file or it holds no certificate */
export async function loadCa(terminal: Terminal, path: string): Promise<string> {
  const text = await readFile(resolve(terminal.cwd, path), 'utf8').catch((error: unknown) => {
    throw usageError(`cannot read the CA file: ${messageOf(error)}`);
  });
  if (!text.includes('-----BEGIN CERTIFICATE-----'))
    throw usageError(`${path} holds no certificate`, 'Give a PEM file: -----BEGIN CERTIFICATE----- …');
  return text;
}

export function profileName(terminal: Terminal, flags: ConnectionFlags, current: string): string {
  const name = flags.profile ?? terminal.env['STEWARD_PROFILE'] ?? current;
  if (!decodeSlug(name).ok)
    throw usageError(`"${name}" is not the name of a profile`, 'Use lower-case letters, digits and dashes.');
  return name;
}

/** The hub to use: STEWARD_URL, STEWARD_TOKEN and STEWARD_CA (a file) go before what `steward login` saved. */
export async function loadConnection(terminal: Terminal, flags: ConnectionFlags): Promise<Connection> {
  const { env } = terminal;
  const config = await loadConfig(configPath(env));
  const name = profileName(terminal, flags, config.current);
  const saved = config.profiles[name];
  const url = env['STEWARD_URL'] ?? saved?.url;
  const others = Object.keys(config.profiles);
  if (url === undefined && others.length > 0)
    throw new CliError(EXIT.notAllowed, `there is no login under the profile "${name}"`, {
      action: `There is: ${others.join(', ')}. Make one: steward login https://HUB --profile ${name}`,
    });
  if (url === undefined)
    throw new CliError(EXIT.notAllowed, 'you are not logged in to a hub', {
      action: 'Run `steward login https://HUB`, or set STEWARD_URL and STEWARD_TOKEN.',
    });
  // A token is only ever sent to the hub it was made for.
  const isSameHub = saved !== undefined && hubUrl(url) === saved.url;
  const token = env['STEWARD_TOKEN'] ?? (isSameHub ? saved.token : undefined);
  const ca = env['STEWARD_CA'] ? await loadCa(terminal, env['STEWARD_CA']) : isSameHub ? saved.ca : undefined;
  return {
    profileName: name,
    url: hubUrl(url),
    ...(token === undefined ? {} : { token }),
    ...(ca === undefined ? {} : { ca }),
    ...(saved?.email === undefined ? {} : { email: saved.email }),
  };
}
