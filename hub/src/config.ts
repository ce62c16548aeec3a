import { compile, PRODUCT_VERSION, Slug } from '@steward/shared';
import { Ajv } from 'ajv';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import * as Type from 'typebox';
import type { Static } from 'typebox';
import { parseNetwork } from './http/server/trusted-proxies.ts';
import { Secret } from './secret.ts';

/** Injection token of the {@link Config}. */
export const CONFIG = Symbol('config');

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const postgresUrl = Type.String({ pattern: '^postgres(ql)?://[^@/\\s]+@[^\\s]+/[^\\s/?]+(\\?.*)?$' });
const poolSize = Type.String({ pattern: '^[1-9][0-9]{0,2}$' });

const decodeSlug = compile(Slug);

const Environment = Type.Object({
  STEWARD_DATABASE_URL: Type.Optional(postgresUrl),
  STEWARD_DATABASE_APP_URL: Type.Optional(postgresUrl),
  STEWARD_DATABASE_SYSTEM_URL: Type.Optional(postgresUrl),
  STEWARD_DATABASE_APP_POOL: Type.Optional(poolSize),
  STEWARD_DATABASE_SYSTEM_POOL: Type.Optional(poolSize),
  STEWARD_DATA_DIR: Type.Optional(Type.String({ minLength: 1 })),
  STEWARD_LISTEN: Type.Optional(
    Type.String({ pattern: '^\\s*[^,\\s]+:[0-9]{1,5}(\\s*,\\s*[^,\\s]+:[0-9]{1,5})*\\s*$' }),
  ),
  STEWARD_PUBLIC_URL: Type.Optional(Type.String({ pattern: '^https?://[^/\\s?#]+/?$' })),
  STEWARD_TLS: Type.Optional(Type.String({ pattern: '^(off|self|[^,]+,[^,]+)$' })),
  STEWARD_TRUSTED_PROXIES: Type.Optional(Type.String({ maxLength: 2000 })),
  STEWARD_ORGANIZATION: Type.Optional(Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,39}(:.{1,100})?$' })),
  STEWARD_OWNER_EMAIL: Type.Optional(Type.String({ pattern: '^[^\\s@]+@[^\\s@]+$' })),
  STEWARD_FEED_KEEP_EVENTS: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,7}$' })),
  STEWARD_METRICS_KEEP_DAYS: Type.Optional(Type.String({ pattern: '^([3-9]|[1-9][0-9]{1,2})$' })),
  STEWARD_LOG_LEVEL: Type.Optional(Type.Unsafe<(typeof LOG_LEVELS)[number]>({ type: 'string', enum: [...LOG_LEVELS] })),
  STEWARD_AGENT_IMAGE: Type.Optional(Type.String({ pattern: '^[^\\s]{1,500}$' })),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({ pattern: '^https?://\\S+$' })),
});
type Environment = Static<typeof Environment>;

const DEFAULTS = {
  STEWARD_DATABASE_APP_POOL: '10',
  STEWARD_DATABASE_SYSTEM_POOL: '10',
  STEWARD_LISTEN: '127.0.0.1:8443',
  STEWARD_TLS: 'self',
  STEWARD_ORGANIZATION: 'vendor:Vendor',
  STEWARD_FEED_KEEP_EVENTS: '100000',
  STEWARD_METRICS_KEEP_DAYS: '30',
  STEWARD_LOG_LEVEL: 'info',
  STEWARD_AGENT_IMAGE: `ghcr.io/steward-dev/agent:${PRODUCT_VERSION}`,
} as const;

const EXPECTED: Record<string, string> = {
  STEWARD_DATABASE_URL: 'postgres://owner:password@host:5432/database',
  STEWARD_DATABASE_APP_URL: 'postgres://app:password@host:5432/database',
  STEWARD_DATABASE_SYSTEM_URL: 'postgres://system:password@host:5432/database',
  STEWARD_DATABASE_APP_POOL: 'a number from 1 to 999',
  STEWARD_DATABASE_SYSTEM_POOL: 'a number from 1 to 999',
  STEWARD_DATA_DIR: 'a directory',
  STEWARD_LISTEN: 'host:port, or several with commas, as in 127.0.0.1:8443,10.0.0.5:8443 or [::1]:8443',
  STEWARD_PUBLIC_URL: 'https://host or https://host:port, without a path',
  STEWARD_TLS: '"off", "self", or two files "certificate.pem,key.pem"',
  STEWARD_TRUSTED_PROXIES: 'addresses or networks with commas, as in 10.0.0.5,10.1.0.0/16',
  STEWARD_ORGANIZATION: 'a slug, or slug:Name, as in acme:Acme Corporation',
  STEWARD_OWNER_EMAIL: 'an e-mail address',
  STEWARD_FEED_KEEP_EVENTS: 'a number from 1 to 99999999',
  STEWARD_METRICS_KEEP_DAYS: 'a number from 3 to 999',
  STEWARD_LOG_LEVEL: `one of ${LOG_LEVELS.join(', ')}`,
  STEWARD_AGENT_IMAGE: 'an image reference, as in registry.example/steward-agent:0.1.0',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://host:4318',
};

/** Read as URLs, which take less than their patterns: a port above 65535 is none. */
const ADDRESSES = [
  'STEWARD_DATABASE_URL',
  'STEWARD_DATABASE_APP_URL',
  'STEWARD_DATABASE_SYSTEM_URL',
  'STEWARD_PUBLIC_URL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
] as const;

export interface ListenAddress {
  host: string;
  /** 0: any free port. */
  port: number;
}

export type TlsConfig = { kind: 'off' } | { kind: 'self' } | { kind: 'files'; certificate: string; key: string };

/** `app` and `system` are absent when the hub shall make these two roles itself, from the owner's credentials. */
export interface GivenDatabase {
  kind: 'given';
  owner: Secret;
  app?: Secret;
  system?: Secret;
}

export interface Config {
  database: { kind: 'embedded' } | GivenDatabase;
  pools: { app: number; system: number };
  /** Embedded database, TLS material, generated secrets. */
  dataDir: string;
  listen: ListenAddress[];
  /** What agents and curl use. Absent: the first listen address. Without a slash at the end. */
  publicUrl?: string;
  tls: TlsConfig;
  /** Addresses and networks of proxies that tell truly, in X-Forwarded-For, whom they speak for. */
  trustedProxies: string[];
  /** Made at the first start only. */
  organization: { slug: string; name: string };
  ownerEmail: string;
  /** Events of the live feed that are kept per organization, for readers who come back. */
  feedKeepEvents: number;
  /** Days after which what agents measured is dropped. */
  metricsKeepDays: number;
  logLevel: (typeof LOG_LEVELS)[number];
  /** What install manifests run. */
  agentImage: string;
  otlpEndpoint?: string;
}

/** Every bad variable at once, one per line, with what was expected. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`the configuration is not usable:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
  }
}

function defaultDataDir(): string {
  return process.getuid?.() === 0 ? '/var/lib/steward' : join(homedir(), '.local', 'share', 'steward');
}

function parseAddress(text: string): ListenAddress {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(text.trim()) ?? [];
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

function parseTls(value: string): TlsConfig {
  if (value === 'off' || value === 'self') return { kind: value };
  const [certificate = '', key = ''] = value.split(',');
  return { kind: 'files', certificate: certificate.trim(), key: key.trim() };
}

function parseProxies(value: string | undefined): string[] {
  return value === undefined ? [] : value.split(',').map((text) => text.trim());
}

function parseDatabase(env: Environment): Config['database'] {
  if (env.STEWARD_DATABASE_URL === undefined) return { kind: 'embedded' };
  return {
    kind: 'given',
    owner: new Secret(env.STEWARD_DATABASE_URL),
    ...(env.STEWARD_DATABASE_APP_URL === undefined ? {} : { app: new Secret(env.STEWARD_DATABASE_APP_URL) }),
    ...(env.STEWARD_DATABASE_SYSTEM_URL === undefined ? {} : { system: new Secret(env.STEWARD_DATABASE_SYSTEM_URL) }),
  };
}

type Given = Readonly<Record<string, string>>;

/** Which of them must be given together. */
function problemsBetween(given: Given): string[] {
  const has = (name: string) => given[`STEWARD_DATABASE_${name}`] !== undefined;
  const problems: string[] = [];
  if (has('APP_URL') !== has('SYSTEM_URL'))
    problems.push('STEWARD_DATABASE_APP_URL and STEWARD_DATABASE_SYSTEM_URL: give both or neither');
  if (has('APP_URL') && !has('URL'))
    problems.push('STEWARD_DATABASE_APP_URL: needs STEWARD_DATABASE_URL (the owner) too');
  return problems;
}

/** What a pattern cannot say of a variable that fits it. */
function problemsWithin(env: Environment): string[] {
  const problems: string[] = [];
  for (const { host, port } of env.STEWARD_LISTEN?.split(',').map(parseAddress) ?? [])
    if (port > 65_535) problems.push(`STEWARD_LISTEN: port ${port} of ${host} is above 65535`);
  for (const text of parseProxies(env.STEWARD_TRUSTED_PROXIES))
    if (!parseNetwork(text))
      problems.push(`STEWARD_TRUSTED_PROXIES: "${text}" is no address and no network, as in 10.0.0.5,10.1.0.0/16`);
  const slug = env.STEWARD_ORGANIZATION?.split(':')[0];
  if (slug !== undefined && !decodeSlug(slug).ok)
    problems.push(`STEWARD_ORGANIZATION: the slug "${slug}" must be lower-case letters, digits, dashes; 1 to 40`);
  for (const name of ADDRESSES)
    if (env[name] !== undefined && !URL.canParse(env[name])) problems.push(`${name}: expected ${EXPECTED[name]}`);
  return problems;
}

/** The variables that their own schema takes, and a problem of each that it refuses. */
function checkEach(given: Given): { env: Environment; problems: string[] } {
  const validate = new Ajv({ allErrors: true, strict: false }).compile<Environment>(Environment);
  if (validate(given)) return { env: given, problems: [] };
  const wrong = new Set((validate.errors ?? []).map(({ instancePath }) => instancePath.slice(1)));
  const others: Given = Object.fromEntries(Object.entries(given).filter(([name]) => !wrong.has(name)));
  const problems = [...wrong].map((name) => `${name}: expected ${EXPECTED[name] ?? 'another value'}`);
  return { env: validate(others) ? others : {}, problems };
}

/**
 * Reads the hub's whole configuration. Relative paths are taken from the working directory; empty variables count as unset.
 * @throws ConfigError that names every bad variable; values are not repeated, since they may be secrets
 */
export function loadConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const variables = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ''),
  );
  const { env, problems } = checkEach(variables);
  const all = [...problems, ...problemsWithin(env), ...problemsBetween(variables)];
  if (all.length > 0) throw new ConfigError(all);
  const given = { ...DEFAULTS, ...env };
  const { STEWARD_PUBLIC_URL: publicUrl, OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint } = given;
  const [slug = '', ...name] = given.STEWARD_ORGANIZATION.split(':');
  return {
    database: parseDatabase(given),
    pools: { app: Number(given.STEWARD_DATABASE_APP_POOL), system: Number(given.STEWARD_DATABASE_SYSTEM_POOL) },
    dataDir: resolve(given.STEWARD_DATA_DIR ?? defaultDataDir()),
    listen: given.STEWARD_LISTEN.split(',').map(parseAddress),
    ...(publicUrl === undefined ? {} : { publicUrl: publicUrl.replace(/\/$/, '') }),
    tls: parseTls(given.STEWARD_TLS),
    trustedProxies: parseProxies(given.STEWARD_TRUSTED_PROXIES),
    organization: { slug, name: name.join(':') || slug },
    ownerEmail: given.STEWARD_OWNER_EMAIL ?? `owner@${slug}.example`,
    feedKeepEvents: Number(given.STEWARD_FEED_KEEP_EVENTS),
    metricsKeepDays: Number(given.STEWARD_METRICS_KEEP_DAYS),
    logLevel: given.STEWARD_LOG_LEVEL,
    agentImage: given.STEWARD_AGENT_IMAGE,
    ...(otlpEndpoint === undefined ? {} : { otlpEndpoint }),
  };
}

/** The process's environment, read here only. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
