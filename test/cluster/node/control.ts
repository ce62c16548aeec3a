import { request } from 'node:http';
import type { Layout } from './layout.ts';

/** Sends one request to the cluster's process 1; the answer is the list of components with their states, as text. */
export function control(layout: Layout, method: 'GET' | 'POST', path: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { socketPath: layout.controlSocket, method, path, agent: false, timeout: 30_000 };
  const outgoing = request(options, (response) => {
    let text = '';
    response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    response.on('error', reject);
    response.on('end', () => {
      if (response.statusCode === 200) resolve(text);
      else reject(new Error(`cluster ${layout.name}: ${text.trim()}`));
    });
  });
  outgoing.on('timeout', () => outgoing.destroy(new Error('no answer within 30 s')));
  outgoing.on('error', (cause) =>
    reject(new Error(`process 1 of cluster ${layout.name} does not answer: ${cause.message}`, { cause })),
  );
  outgoing.end();
  return promise;
}
