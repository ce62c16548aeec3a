import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as Type from 'typebox';
import { compile, fieldManagerOf, Namespace, ReleaseKey, Slug, type Decoded } from '@steward/shared';

/** A value that cannot be printed by accident: JSON, templates and inspection show `[secret]`. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The value itself, for the one place that needs it. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return '[secret]';
  }
  toJSON(): string {
    return '[secret]';
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]';
  }
}

export interface AgentConfig {
  /** The agent's own namespace, in which its objects live. */
  namespace: string;
  organization: string;
  /** `https://hub.example:8443` */
  hubUrl: URL;
  /** The hub's own certificate authority, when it has one. */
  hubCaPem: string | undefined;
  /** The vendor's keys this agent trusts. Pinned by the customer in the install manifest, never taken from the hub. */
  releaseKeys: ReleaseKey[];
  /** Used once; none is fine once the identity exists. Read at each call: the customer may apply a new one. */
  enrolmentToken: () => Secret | undefined;
  /** Field manager of every apply: tells this vendor's agent from another's. */
  fieldManager: string;
  /** Names this replica in the Lease: the pod's name. */
  replica: string;
  helmPath: string;
  /** An empty directory for renders in progress. */
  tmpDir: string;
  /** Probes listen here; 0 takes a free port. */
  healthPort: number;
  /** Undefined: all addresses. */
  healthHost: string | undefined;
  /** `host:port` of the API server for a pod; undefined outside a cluster. */
  kubeAddress: string | undefined;
  /** A kubeconfig instead of the pod's own service account: for running outside a cluster. */
  kubeconfig: string | undefined;
  /** Proxy settings of the environment as they are: HTTPS_PROXY, NO_PROXY, … */
  proxyEnv: Record<string, string>;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
}

const Raw = Type.Object({
  namespace: Namespace,
  organization: Slug,
  'hub-url': Type.String({ pattern: '^https?://[^/?#]+/?$', maxLength: 300 }),
  'release-keys.json': Type.Array(ReleaseKey, { maxItems: 20 }),
  replica: Type.String({ minLength: 1, maxLength: 253 }),
  healthPort: Type.Integer({ minimum: 0, maximum: 65_535 }),
  logLevel: Type.Unsafe<AgentConfig['logLevel']>({ type: 'string', enum: ['debug', 'info', 'warn', 'error'] }),
});
const fields = Object.entries(Raw.properties).map(([name, schema]) => ({
  name,
  decode: compile(Type.Object({ [name]: schema })),
}));
const decodeRaw = compile(Raw);

export const CONFIG_DIR = '/etc/steward/config';
export const ENROLMENT_DIR = '/etc/steward/enrolment';
const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';
const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);
const PROXY_NAMES = ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'NO_PROXY', 'no_proxy'];

/**
 * Reads the mounted ConfigMap and Secret, then the environment (`STEWARD_…` wins, for runs outside a cluster).
 * @returns every bad setting at once, each with where it comes from
 */
export function readConfig(given: NodeJS.ProcessEnv = process.env): Decoded<AgentConfig> {
  // Set but empty is as not set.
  const env = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ''));
  const configDir = env['STEWARD_CONFIG_DIR'] ?? CONFIG_DIR;
  const setting = (name: string, file: string): string | undefined =>
    env[`STEWARD_${name}`] ?? readIfThere(join(configDir, file));
  const raw = {
    namespace: env['STEWARD_NAMESPACE'] ?? readIfThere(join(SERVICE_ACCOUNT_DIR, 'namespace')),
    organization: setting('ORGANIZATION', 'organization'),
    'hub-url': setting('HUB_URL', 'hub-url'),
    'release-keys.json': parseJson(setting('RELEASE_KEYS', 'release-keys.json')),
    replica: env['STEWARD_REPLICA'] ?? env['HOSTNAME'],
    healthPort: Number(env['STEWARD_HEALTH_PORT'] ?? 8080),
    logLevel: env['STEWARD_LOG_LEVEL'] ?? 'info',
  };
  const decoded = decodeRaw(raw);
  const errors = decoded.ok ? [] : errorsOf(raw);
  const hubUrl = URL.canParse(String(raw['hub-url'])) ? new URL(String(raw['hub-url'])) : undefined;
  if (hubUrl?.protocol === 'http:' && !LOOPBACK.has(hubUrl.hostname))
    errors.push(`hub-url: ${hubUrl.origin} is not encrypted; only https:// leaves this machine`);
  if (!decoded.ok || !hubUrl || errors.length > 0)
    return { ok: false, error: `settings from ${configDir} and STEWARD_… are wrong: ${errors.join('; ')}` };
  const { namespace, organization, replica, healthPort, logLevel } = decoded.value;
  return {
    ok: true,
    value: {
      namespace,
      organization,
      replica,
      healthPort,
      logLevel,
      hubUrl,
      hubCaPem: setting('HUB_CA', 'hub-ca.pem'),
      releaseKeys: decoded.value['release-keys.json'],
      fieldManager: fieldManagerOf(organization),
      ...surroundings(env),
    },
  };
}

/** What has a default or may be absent. */
function surroundings(env: NodeJS.ProcessEnv) {
  const tokenFile = join(env['STEWARD_ENROLMENT_DIR'] ?? ENROLMENT_DIR, 'token');
  return {
    enrolmentToken: (): Secret | undefined => {
      const token = env['STEWARD_ENROLMENT_TOKEN'] ?? readIfThere(tokenFile);
      return token === undefined ? undefined : new Secret(token);
    },
    helmPath: env['STEWARD_HELM'] ?? '/usr/local/bin/helm',
    tmpDir: env['STEWARD_TMP'] ?? '/tmp',
    healthHost: env['STEWARD_HEALTH_HOST'],
    kubeAddress: kubeAddressOf(env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']),
    kubeconfig: env['STEWARD_KUBECONFIG'],
    proxyEnv: Object.fromEntries(PROXY_NAMES.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]]))),
  };
}

function kubeAddressOf(host: string | undefined, port = '443'): string | undefined {
  if (host === undefined) return undefined;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

function errorsOf(raw: unknown): string[] {
  return fields.flatMap(({ name, decode }) => {
    const one = decode(raw);
    return one.ok ? [] : [`${name}: ${one.error}`];
  });
}

function parseJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Trimmed; undefined when there is no such file or nothing in it. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim() || undefined;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw new Error(`${path} cannot be read`, { cause: error });
  }
}
