import { AGENT_PATHS, compile, LIMITS, releaseDigest, ReleaseEnvelope, sha256 } from '@steward/shared';
import { refusalOf, TooLargeError, type HubHttp } from './hub-http.ts';
import { DownloadError } from './link.ts';
import { explainFailure, explainRefusal } from './session/refusals.ts';

const TIMEOUT_MS = 60_000;
const decodeEnvelope = compile(ReleaseEnvelope);

export interface DownloadOptions {
  http: HubHttp;
  /** A fresh token for each request. */
  token: string;
  digest: string;
  signal: AbortSignal;
}

/** The signed envelope as the hub stores it. Its digest is that of the payload inside. @throws DownloadError */
export async function downloadRelease(options: DownloadOptions): Promise<Uint8Array> {
  const bytes = await download(options, `${AGENT_PATHS.releases}/${options.digest}`, LIMITS.maxReleaseBytes);
  const envelope = decodeEnvelope(parse(bytes));
  if (!envelope.ok) throw new DownloadError(`release ${options.digest} is not an envelope: ${envelope.error}`, false);
  checkDigest('release', releaseDigest(envelope.value), options.digest);
  return bytes;
}

/** A packed chart. @throws DownloadError */
export async function downloadChart(options: DownloadOptions): Promise<Uint8Array> {
  const bytes = await download(options, `${AGENT_PATHS.charts}/${options.digest}`, LIMITS.maxChartBytes);
  checkDigest('chart', sha256(bytes), options.digest);
  return bytes;
}

async function download({ http, token, signal }: DownloadOptions, path: string, maxBytes: number): Promise<Buffer> {
  const where = { hub: http.hubUrl.host, proxy: http.proxyHost };
  const request = { method: 'GET' as const, path, headers: { authorization: `Bearer ${token}` } };
  const answer = await http.send({ ...request, maxBytes, timeoutMs: TIMEOUT_MS, signal }).catch((cause: unknown) => {
    const error = cause instanceof Error ? cause : new Error(String(cause));
    if (!(error instanceof TooLargeError))
      throw new DownloadError(explainFailure(error, where).message, true, { cause });
    const message = `${path.split('/').slice(-2).join(' ')}: ${error.message}`;
    throw new DownloadError(message, false, { cause, reason: 'too-large' });
  });
  if (answer.status === 200) return answer.body;
  const refusal = refusalOf(answer);
  const isTransient = answer.status >= 500 || answer.status === 429 || answer.status === 401;
  if (answer.status === 404)
    throw new DownloadError(`the hub has no ${path.split('/').slice(-2).join(' ')} for this cluster`, false);
  throw new DownloadError(explainRefusal(refusal, where).message, isTransient);
}

function checkDigest(what: string, found: string, wanted: string): void {
  if (found === wanted) return;
  throw new DownloadError(`the hub sent a ${what} with the digest ${found} instead of ${wanted}`, false);
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
