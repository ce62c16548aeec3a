import { get } from 'node:http';
import type { Decoded } from '@steward/shared';
import type { Target } from './targets.ts';

const MAX_BYTES = 512 * 1024;

/** The page of one pod, or why there is none. Follows no redirect, keeps no connection, takes no more than half a megabyte. Never rejects. */
export function fetchPage({ ip, port, endpoint }: Target, signal: AbortSignal): Promise<Decoded<string>> {
  const { promise, resolve } = Promise.withResolvers<Decoded<string>>();
  const fail = (error: string): void => resolve({ ok: false, error });
  const failed = (error: Error): void => fail(signal.aborted ? 'it did not answer in time' : error.message);
  const options = {
    host: ip,
    port,
    path: endpoint.path ?? '/metrics',
    agent: false,
    headers: { accept: 'text/plain; version=0.0.4', 'user-agent': 'steward-agent' },
    signal,
  };
  const request = get(options, (response) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    const leave = (error: string): void => {
      fail(error);
      response.destroy();
    };
    response.on('error', failed).on('end', () => resolve({ ok: true, value: Buffer.concat(parts).toString('utf8') }));
    if (response.statusCode !== 200) return leave(`it answered ${response.statusCode}`);
    response.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAX_BYTES) leave(`its answer is larger than ${MAX_BYTES / 1_024} KiB`);
      else parts.push(part);
    });
  });
  request.on('error', failed);
  return promise;
}
