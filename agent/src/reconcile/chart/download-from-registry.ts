import { partsOfPlace, readFromRegistry, sha256, type RegistryAnswer, type RegistryRequest } from '@steward/shared';
import { HubHttp, TooLargeError } from '../../link/hub-http.ts';
import { DownloadError } from '../../link/link.ts';
import { whyUnreachable } from '../../link/session/refusals.ts';
import type { RegistryKeys } from './registry-access.ts';

const TIMEOUT_MS = 60_000;

export interface RegistryDownload {
  /** After the customer's mirrors: `registry.corp.example/charts/nats` */
  place: string;
  /** As the vendor signed it. */
  chart: { digest: string; bytes: number };
  keys: RegistryKeys;
  proxyEnv: Record<string, string>;
  signal: AbortSignal;
}

/**
 * A packed chart, which is a blob of the registry under its own digest: whatever host answers in the end, only the signed bytes come
 * through. @throws DownloadError
 */
export async function downloadFromRegistry(options: RegistryDownload): Promise<Uint8Array> {
  const { place, chart, keys } = options;
  const path = `blobs/${chart.digest}`;
  const send = (request: RegistryRequest): Promise<RegistryAnswer> => get(request, options);
  const wanted = { place, path, accept: 'application/octet-stream', maxBytes: chart.bytes };
  const answer = await readFromRegistry({ send, login: keys.login }, wanted);
  if (!answer.ok) {
    const { code, message } = answer.fault;
    if (code === 'too-long') throw new DownloadError(`${message} (${place})`, false);
    throw unavailable(message, code === 'busy');
  }
  const found = sha256(answer.body);
  if (found === chart.digest) return answer.body;
  throw new DownloadError(
    `the registry sent a chart with the digest ${found} instead of ${chart.digest} (${place})`,
    false,
  );
}

/** The authority is for the registry that the customer named it for, and for no host that it sends on to. */
async function get({ url, headers, maxBytes }: RegistryRequest, options: RegistryDownload): Promise<RegistryAnswer> {
  const { place, keys, proxyEnv, signal } = options;
  const isRegistry = url.host === partsOfPlace(place).host;
  const http = new HubHttp({ hubUrl: new URL(url.origin), caPem: isRegistry ? keys.caPem : undefined, proxyEnv });
  try {
    const path = url.pathname + url.search;
    return await http.send({ method: 'GET', path, headers, maxBytes, timeoutMs: TIMEOUT_MS, signal });
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof TooLargeError) return { ...cause.head, body: undefined };
    const error = cause instanceof Error ? cause : new Error(String(cause));
    throw unavailable(`${url.host} cannot be reached: ${whyUnreachable(error, 'registry')}`, true, cause);
  } finally {
    http.close();
  }
}

function unavailable(message: string, isTransient: boolean, cause?: unknown): DownloadError {
  return new DownloadError(`the chart cannot be had: ${message}`, isTransient, { cause, reason: 'chart-unavailable' });
}
