import { compile } from '@steward/shared';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import * as Type from 'typebox';
import { parse } from 'yaml';

const decodeKubeconfig = compile(
  Type.Object({
    clusters: Type.Array(
      Type.Object({ cluster: Type.Object({ server: Type.String(), 'certificate-authority-data': Type.String() }) }),
      { minItems: 1 },
    ),
    users: Type.Array(
      Type.Object({
        user: Type.Object({ 'client-certificate-data': Type.String(), 'client-key-data': Type.String() }),
      }),
      { minItems: 1 },
    ),
  }),
);

export interface WatchedObject {
  kind: string;
  metadata: { name: string; namespace: string; uid: string; resourceVersion: string };
  [field: string]: unknown;
}

/** The API server as an administrator, without kubectl between: for measuring when something is there. */
export interface KubeConnection {
  call<T>(method: string, path: string, body?: unknown, contentType?: string): Promise<T>;
  /** Calls for every event of a watch from now on; the result ends it. */
  watch(path: string, onObject: (object: WatchedObject, type: string) => void): () => void;
  close(): void;
}

export async function connectKube(kubeconfig: string): Promise<KubeConnection> {
  const decoded = decodeKubeconfig(parse(await readFile(kubeconfig, 'utf8')));
  if (!decoded.ok) throw new Error(`${kubeconfig}: ${decoded.error}`);
  const [{ cluster } = { cluster: undefined }] = decoded.value.clusters;
  const [{ user } = { user: undefined }] = decoded.value.users;
  if (!cluster || !user) throw new Error(`${kubeconfig} names no cluster or user`);
  const plain = (base64: string): Buffer => Buffer.from(base64, 'base64');
  const agent = new Agent({
    keepAlive: true,
    ca: plain(cluster['certificate-authority-data']),
    cert: plain(user['client-certificate-data']),
    key: plain(user['client-key-data']),
  });
  const { server } = cluster;
  return {
    call: <T>(method: string, path: string, body?: unknown, contentType = 'application/json') =>
      new Promise<T>((resolve, reject) => {
        const outgoing = request(
          new URL(path, server),
          { agent, method, headers: body === undefined ? {} : { 'content-type': contentType } },
          (response) => {
            text(response).then((answer) => {
              const isGood = (response.statusCode ?? 500) < 300;
              if (!isGood) reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 500)}`));
              else resolve((/json/.test(response.headers['content-type'] ?? '') ? JSON.parse(answer) : answer) as T);
            }, reject);
          },
        );
        outgoing.on('error', reject);
        outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      }),
    watch: (path, onObject) => {
      const outgoing = request(
        new URL(`${path}${path.includes('?') ? '&' : '?'}watch=true`, server),
        { agent },
        (response) => {
          const lines = createInterface({ input: response });
          // The end of a watch cuts the response off.
          lines.on('error', () => undefined);
          lines.on('line', (line) => {
            const { type, object } = JSON.parse(line) as { type: string; object: WatchedObject };
            onObject(object, type);
          });
        },
      );
      outgoing.on('error', () => undefined);
      outgoing.end();
      return () => outgoing.destroy();
    },
    close: () => agent.destroy(),
  };
}
