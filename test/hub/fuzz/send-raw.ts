import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request as it goes over the wire: nothing of it is escaped, sorted or put right. */
export interface RawCall {
  method: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Buffer;
}

export interface RawAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
}

export interface RawClient {
  /** Rejects when the connection ends without an answer, or after half a minute of silence. */
  send(call: RawCall): Promise<RawAnswer>;
  close(): void;
}

const SILENCE_MS = 30_000;

export function rawClient(hubUrl: string, token: string | undefined): RawClient {
  const { hostname, port } = new URL(hubUrl);
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const client: RawClient = {
    close: () => agent.destroy(),
    send: (call) => {
      const { method, path, headers = {}, body } = call;
      const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const outgoing = request({
        host: hostname,
        port,
        method,
        path,
        agent,
        headers: {
          ...authorization,
          ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
          ...headers,
        },
      });
      outgoing.setTimeout(SILENCE_MS, () =>
        outgoing.destroy(new Error(`no answer to ${method} ${path.slice(0, 200)}`)),
      );
      outgoing.on('error', (error: NodeJS.ErrnoException) => {
        // The hub may have closed a connection that was kept just before this was written to it.
        const isClosed = outgoing.reusedSocket && (error.code === 'EPIPE' || error.code === 'ECONNRESET');
        if (isClosed) client.send(call).then(resolve, reject);
        else reject(error);
      });
      outgoing.on('response', (response) => {
        const { statusCode = 0, headers: answered } = response;
        // A feed goes on for ever.
        if (answered['content-type']?.startsWith('text/event-stream')) {
          resolve({ status: statusCode, headers: answered, text: '' });
          outgoing.destroy();
          return;
        }
        text(response).then((told) => resolve({ status: statusCode, headers: answered, text: told }), reject);
      });
      outgoing.end(body);
      return promise;
    },
  };
  return client;
}
