import { createServer, type Server } from 'node:http';

export interface HealthServerOptions {
  /** Undefined: on every address of the pod, where the kubelet asks. */
  host: string | undefined;
  port: number;
  /** Whether the agent does its work, in a sentence. */
  readiness: () => { isReady: boolean; message: string };
  /** For the customer's Prometheus. */
  metrics: () => string;
}

/**
 * `/livez` answers as long as the process turns over; it knows nothing of the hub, so that a hub that is away restarts nobody.
 * `/readyz` says whether the agent is connected, and if not, why. `/metrics` is for the customer's own Prometheus.
 */
export function startHealthServer({ host, port, readiness, metrics }: HealthServerOptions): Promise<Server> {
  const server = createServer((request, response) => {
    // Not by URL, which throws for what anybody may send: that would end the agent.
    const [pathname] = (request.url ?? '/').split('?', 1);
    if (pathname === '/livez') return void response.end('ok\n');
    if (pathname === '/metrics')
      return void response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4' }).end(metrics());
    if (pathname !== '/readyz') return void response.writeHead(404).end();
    const { isReady, message } = readiness();
    return void response.writeHead(isReady ? 200 : 503, { 'content-type': 'text/plain' }).end(`${message}\n`);
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`the health port ${port} cannot be opened: ${cause.message}`, { cause }));
    });
    server.listen({ port, ...(host !== undefined && { host }) }, () => resolve(server));
  });
}
