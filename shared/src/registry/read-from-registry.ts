import * as Type from 'typebox';
import { compile } from '../schema.ts';
import { partsOfPlace } from './chart-place.ts';
import type { RegistryLogin } from './docker-config.ts';

export interface RegistryRequest {
  url: URL;
  headers: Record<string, string>;
  /** No more of a body is read. */
  maxBytes: number;
}

export interface RegistryAnswer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Undefined when it is longer than was allowed. */
  body: Uint8Array | undefined;
}

export interface RegistryAccess {
  /** One GET that follows no redirect. What it throws when there is no answer goes through to the caller. */
  send(request: RegistryRequest): Promise<RegistryAnswer>;
  login?: RegistryLogin | undefined;
  /** Without TLS: only of a registry on this machine. */
  isPlain?: boolean;
}

export interface Wanted {
  /** `registry.acme.example/charts/nats` */
  place: string;
  /** `manifests/1.2.3`, `blobs/sha256:…` */
  path: string;
  accept: string;
  maxBytes: number;
}

/** Why a registry did not give what was asked for. `busy`: the same may work later by itself. */
export interface RegistryFault {
  code: 'unauthorized' | 'not-found' | 'busy' | 'too-long' | 'unusable';
  message: string;
}

export type FromRegistry = { ok: true; body: Uint8Array } | { ok: false; fault: RegistryFault };

const MAX_REDIRECTS = 3;
const MAX_TOKEN_BYTES = 64 * 1024;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const decodeToken = compile(
  Type.Object({ token: Type.Optional(Type.String()), access_token: Type.Optional(Type.String()) }),
);

/**
 * Reads by the OCI distribution protocol: with a login or a token only where the registry asks for one, and on by redirects, to https
 * only and without that login anywhere else. What comes is not checked against any digest here.
 */
export async function readFromRegistry(access: RegistryAccess, wanted: Wanted): Promise<FromRegistry> {
  const { host, repository } = partsOfPlace(wanted.place);
  const url = new URL(`${access.isPlain ? 'http' : 'https'}://${host}/v2/${repository}/${wanted.path}`);
  let answer = await follow(access, url, wanted);
  if ('status' in answer && answer.status === 401) {
    const authorization = await authorize(access, { url, repository, challenge: headerOf(answer, 'www-authenticate') });
    if (typeof authorization === 'object') return { ok: false, fault: authorization };
    if (authorization !== undefined) answer = await follow(access, url, wanted, authorization);
  }
  if (!('status' in answer)) return { ok: false, fault: answer };
  if (answer.status === 200 && answer.body) return { ok: true, body: answer.body };
  if (answer.status === 200)
    return {
      ok: false,
      fault: { code: 'too-long', message: `${host} sends more than the ${wanted.maxBytes} bytes that are due` },
    };
  return { ok: false, fault: faultOf(answer.status, host, `${repository}/${wanted.path}`, access.login) };
}

async function follow(
  access: RegistryAccess,
  start: URL,
  { accept, maxBytes }: Wanted,
  authorization?: string,
): Promise<RegistryAnswer | RegistryFault> {
  let url = start;
  for (let redirects = 0; ; redirects += 1) {
    const isAtHome = url.origin === start.origin;
    const headers = { accept, ...(authorization !== undefined && isAtHome && { authorization }) };
    const answer = await access.send({ url, headers, maxBytes });
    if (!REDIRECTS.has(answer.status)) return answer;
    const next = URL.parse(headerOf(answer, 'location'), url.href);
    if (!next || (next.protocol !== 'https:' && next.origin !== start.origin))
      return unusable(`${url.host} sends on to a place that is not https`);
    if (redirects === MAX_REDIRECTS) return unusable(`${start.host} sends on more than ${MAX_REDIRECTS} times`);
    url = next;
  }
}

interface Challenged {
  url: URL;
  repository: string;
  challenge: string;
}

/** The header to try again with; undefined when nothing is known that would help. */
async function authorize(
  access: RegistryAccess,
  { url, repository, challenge }: Challenged,
): Promise<string | undefined | RegistryFault> {
  const basic = access.login && `Basic ${encoded(access.login)}`;
  const [, bearer] = /\bbearer\s+(.*)/is.exec(challenge) ?? [];
  if (bearer === undefined) return /\bbasic\b/i.test(challenge) ? basic : undefined;
  const parts = new Map([...bearer.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value ?? '']));
  const realm = URL.parse(parts.get('realm') ?? '');
  if (!realm || (realm.protocol !== 'https:' && realm.origin !== url.origin))
    return unusable(`${url.host} names no token service that is reached by https`);
  const service = parts.get('service');
  if (service !== undefined) realm.searchParams.set('service', service);
  realm.searchParams.set('scope', parts.get('scope') ?? `repository:${repository}:pull`);
  const headers = { accept: 'application/json', ...(basic !== undefined && { authorization: basic }) };
  const answer = await access.send({ url: realm, headers, maxBytes: MAX_TOKEN_BYTES });
  if (answer.status !== 200) return faultOf(answer.status, realm.host, `token for ${repository}`, access.login);
  const token = tokenOf(answer.body);
  return token === undefined ? unusable(`${realm.host} answered with no token`) : `Bearer ${token}`;
}

function tokenOf(body: Uint8Array = new Uint8Array()): string | undefined {
  try {
    const decoded = decodeToken(JSON.parse(Buffer.from(body).toString('utf8')));
    const token = decoded.ok ? (decoded.value.token ?? decoded.value.access_token) : undefined;
    // It becomes a header.
    return token !== undefined && /^[\x21-\x7e]+$/.test(token) ? token : undefined;
  } catch {
    return undefined;
  }
}

function encoded({ username, password }: RegistryLogin): string {
  return Buffer.from(`${username}:${password}`).toString('base64');
}

function faultOf(status: number, host: string, what: string, login: RegistryLogin | undefined): RegistryFault {
  const said = `(HTTP ${status})`;
  if (status === 401 || status === 403)
    return {
      code: 'unauthorized',
      message: login
        ? `${host} does not give ${what} to the login ${login.username} ${said}`
        : `${host} asks for a login for ${what} ${said}`,
    };
  if (status === 404) return { code: 'not-found', message: `${host} has no ${what} ${said}` };
  const code = status === 408 || status === 429 || status >= 500 ? 'busy' : 'unusable';
  return { code, message: `${host} does not give ${what} ${said}` };
}

function unusable(message: string): RegistryFault {
  return { code: 'unusable', message };
}

function headerOf({ headers }: RegistryAnswer, name: string): string {
  const value = headers[name] ?? '';
  return typeof value === 'string' ? value : value.join(', ');
}
