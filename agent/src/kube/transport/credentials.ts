import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { RequestOptions } from 'node:https';
import { newClusters, newContexts, newUsers, type User } from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';
import { FileAuth } from '@kubernetes/client-node/dist/file_auth.js';
import * as Type from 'typebox';
import { parse } from 'yaml';
import { compile } from '@steward/shared';

/** Where the API server is and how to prove who we are. `authorization` is asked for each request: tokens change. */
export interface KubeEndpoint {
  url: URL;
  tls: {
    ca?: string | Buffer;
    cert?: string | Buffer;
    key?: string | Buffer;
    servername?: string;
    rejectUnauthorized?: boolean;
  };
  authorization: () => Promise<string | undefined>;
}

const SERVICE_ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * The pod's own service account. Its token is read again every minute, because the kubelet replaces it.
 * @param address `host:port` from KUBERNETES_SERVICE_HOST and _PORT
 * @throws Error when the pod has no service account mounted
 */
export function inClusterEndpoint(address: string, directory = SERVICE_ACCOUNT_DIR): KubeEndpoint {
  const auth = new FileAuth();
  const user: User = { name: 'pod', authProvider: { name: 'tokenFile', config: { tokenFile: `${directory}/token` } } };
  return {
    url: new URL(`https://${address}`),
    tls: { ca: readCredential(`${directory}/ca.crt`) },
    authorization: () => authorizationOf((options) => auth.applyAuthentication(user, options)),
  };
}

const decodeKubeconfig = compile(
  Type.Object({
    'current-context': Type.String(),
    clusters: Type.Array(Type.Unknown()),
    users: Type.Array(Type.Unknown()),
    contexts: Type.Array(
      Type.Object({ name: Type.String(), context: Type.Object({ cluster: Type.String(), user: Type.String() }) }),
    ),
  }),
);

/**
 * The current context of a kubeconfig: client certificates, tokens and credential plugins.
 * @throws Error that names the file and what is wrong with it
 */
export function kubeconfigEndpoint(path: string): KubeEndpoint {
  const decoded = decodeKubeconfig(parse(readCredential(path).toString('utf8')));
  if (!decoded.ok) throw new Error(`${path} is not a kubeconfig: ${decoded.error}`);
  const { value } = decoded;
  const current = newContexts(value.contexts).find((context) => context.name === value['current-context']);
  const cluster = newClusters(value.clusters).find((candidate) => candidate.name === current?.cluster);
  const user = newUsers(value.users).find((candidate) => candidate.name === current?.user);
  if (!cluster || !user)
    throw new Error(
      `${path}: the context "${value['current-context']}" does not name a cluster and a user that are there`,
    );
  const material = (data: string | undefined | null, file: string | undefined | null): Buffer | undefined =>
    data ? Buffer.from(data, 'base64') : file ? readCredential(resolve(dirname(path), file)) : undefined;
  const [ca, cert, key] = [
    material(cluster.caData, cluster.caFile),
    material(user.certData, user.certFile),
    material(user.keyData, user.keyFile),
  ];
  const exec = new ExecAuth();
  return {
    url: new URL(cluster.server),
    tls: {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(cluster.tlsServerName && { servername: cluster.tlsServerName }),
      ...(cluster.skipTLSVerify && { rejectUnauthorized: false }),
    },
    authorization: async () => {
      if (user.token) return `Bearer ${user.token}`;
      return exec.isAuthProvider(user)
        ? authorizationOf((options) => exec.applyAuthentication(user, options))
        : undefined;
    },
  };
}

async function authorizationOf(apply: (options: RequestOptions) => Promise<void>): Promise<string | undefined> {
  const headers: Record<string, string> = {};
  await apply({ headers });
  return headers['Authorization'];
}

function readCredential(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new Error(`${path} cannot be read`, { cause });
  }
}
