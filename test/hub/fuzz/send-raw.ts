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
  return {
    close: () => agent.destroy(),
    send: ({ method, path, headers = {}, body }) => {
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
      outgoing.on('error', reject);
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
}
