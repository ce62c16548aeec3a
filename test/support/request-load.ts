import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const REQUEST_LIMIT_MS = 5_000;

export interface RequestsResult {
  requests: number;
  failedRequests: number;
  slowestRequestMs: number;
  reasons: string[];
}

/** Each on a connection of its own and never again: one that fails has failed. @throws Error for any answer but 200, and for none within five seconds */
export function get(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, timeout: REQUEST_LIMIT_MS }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
      );
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', reject);
    sent.end();
  });
}

/** Asks at a constant rate, whatever becomes of the answers, until it is stopped. */
export function startRequests(url: string, perSecond: number): { stop(): Promise<RequestsResult> } {
  const result: RequestsResult = { requests: 0, failedRequests: 0, slowestRequestMs: 0, reasons: [] };
  const reasons = new Set<string>();
  const stopping = new AbortController();
  const ask = async (): Promise<void> => {
    const startedAt = performance.now();
    try {
      await get(url);
    } catch (error) {
      result.failedRequests += 1;
      reasons.add(String(error));
    }
    result.slowestRequestMs = Math.max(result.slowestRequestMs, performance.now() - startedAt);
  };
  const asked: Promise<void>[] = [];
  const run = async (): Promise<void> => {
    const startedAt = performance.now();
    while (!stopping.signal.aborted) {
      const waitMs = startedAt + (result.requests * 1_000) / perSecond - performance.now();
      if (waitMs > 1) await sleep(waitMs);
      result.requests += 1;
      asked.push(ask());
    }
    await Promise.all(asked);
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
      return { ...result, reasons: [...reasons] };
    },
  };
}
