import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { apiPort, type Layout } from './layout.ts';

export interface KubeClient {
  /** The answer's body, or undefined when the object is not there. Other refusals reject with the server's message. */
  get(path: string): Promise<string | undefined>;
  /** Server-side apply: creates or brings into the given shape. */
  apply(path: string, object: object): Promise<void>;
  /** Nothing happens when it is not there. It may still be there for a while. */
  remove(path: string): Promise<void>;
}

const requestTimeoutMs = 10_000;

/** Speaks to the cluster's API server as its administrator. A connection per request, so nothing is left to close. */
export async function kubeClient(layout: Layout): Promise<KubeClient> {
  const read = (file: string): Promise<Buffer> => readFile(join(layout.stateDir, 'pki', file));
  const identity = { ca: await read('ca.crt'), cert: await read('admin.crt'), key: await read('admin.key') };

  const send = (method: string, path: string, body?: object): Promise<{ status: number; text: string }> => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
    const headers = body ? { 'content-type': 'application/apply-patch+yaml' } : {};
    const options = { ...identity, host: layout.nodeAddress, port: apiPort, method, path, headers, agent: false };
    const outgoing = request({ ...options, timeout: requestTimeoutMs }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      response.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${requestTimeoutMs / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.end(body && JSON.stringify(body));
    return promise;
  };

  return {
    async get(path) {
      const { status, text } = await send('GET', path);
      if (status === 404) return undefined;
      if (status !== 200) throw new Error(`GET ${path}: ${status} ${text.slice(0, 500)}`);
      return text;
    },
    async apply(path, object) {
      const { status, text } = await send('PATCH', `${path}?fieldManager=test-cluster&force=true`, object);
      if (status !== 200 && status !== 201) throw new Error(`apply ${path}: ${status} ${text.slice(0, 500)}`);
    },
    async remove(path) {
      const { status, text } = await send('DELETE', path);
      if (status !== 200 && status !== 202 && status !== 404)
        throw new Error(`DELETE ${path}: ${status} ${text.slice(0, 500)}`);
    },
  };
}
