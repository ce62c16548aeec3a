import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { CliError, messageOf } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'HEAD';
  url: string;
  headers: Record<string, string>;
  body?: string | Uint8Array | undefined;
  /** Silence on the connection after which it is given up. */
  timeoutMs: number;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  headers: IncomingMessage['headers'];
  body: IncomingMessage;
}

export interface HttpClient {
  send(request: HttpRequest): Promise<HttpAnswer>;
  close(): void;
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

const LOST = new Set(['ECONNRESET', 'EPIPE']);

/** Whether a connection broke after it was made, so that nobody knows what became of the request. */
export function isLostConnection(error: unknown): boolean {
  return error instanceof CliError && LOST.has(codeOf(error.cause));
}

/** Whom a client speaks to, for the words of its errors. */
export type Peer = 'hub' | 'registry';

const OWN_AUTHORITY: Record<Peer, string> = {
  hub: 'If the hub has an authority of its own, get its certificate from who runs the hub and give it by `--ca FILE`; `steward install` also takes the `--hub-pin` of the vendor’s line.',
  registry:
    'If the registry has an authority of its own, get its certificate from who runs it and name it by `--registry-ca FILE`.',
};
const PLAIN: Record<Peer, string> = {
  hub: 'use http:// only for a hub on this machine',
  registry: '--plain-http is only for a registry on this machine',
};

/** Why nothing was answered, in words, with what to do about it. */
export function unreachableError(url: string, error: unknown, peer: Peer = 'hub'): CliError {
  const code = codeOf(error);
  const { host } = new URL(url);
  const fail = (why: string, action: string): CliError =>
    new CliError(EXIT.unreachable, `${host} ${why}`, { action, cause: error });
  if (UNTRUSTED.has(code)) return fail(`has a certificate that is not trusted here (${code})`, OWN_AUTHORITY[peer]);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fail('has a certificate for another name', 'Use the address that the certificate is made for.');
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return fail(
      `has a certificate that is not valid now (${code})`,
      `Check this machine's clock, then the ${peer}'s certificate.`,
    );
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return fail('is not a name that can be looked up from here', 'Check the address, and your network.');
  if (code === 'ECONNREFUSED')
    return fail(
      'does not accept connections: nothing listens there',
      `Check the address and port, and that the ${peer} runs.`,
    );
  if (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER')
    return fail('does not speak TLS on that port', `Check the port; ${PLAIN[peer]}.`);
  if (code === 'ETIMEDOUT')
    return fail('did not answer in time', 'Check the address, and firewalls or proxies in between.');
  return fail(`cannot be reached: ${messageOf(error) || code}`, `Check the address, and that the ${peer} runs.`);
}

/**
 * A small client over node:http(s): it pins a CA, streams, and honours HTTPS_PROXY and NO_PROXY, which fetch does only
 * with another dispatcher. Redirects are answers like others: a token is never sent on to another place.
 * @param ca PEM of the only authority, or the only certificate, to trust; absent: the system's
 */
export function httpClient(
  ca: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  peer: Peer = 'hub',
): HttpClient {
  const options = { keepAlive: true, maxSockets: 8, proxyEnv: env };
  const plain = new HttpAgent(options);
  const secure = new HttpsAgent({
    ...options,
    ...(ca === undefined ? {} : { ca, allowPartialTrustChain: true }),
    minVersion: 'TLSv1.2',
  });
  return {
    send: (request) => {
      const { promise, resolve, reject } = Promise.withResolvers<HttpAnswer>();
      const isSecure = request.url.startsWith('https:');
      const { method, headers, signal } = request;
      const sent = isSecure
        ? httpsRequest(request.url, { method, headers, agent: secure, signal })
        : httpRequest(request.url, { method, headers, agent: plain, signal });
      sent.setTimeout(request.timeoutMs, () => {
        sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' }));
      });
      sent.on('response', (body) => resolve({ status: body.statusCode ?? 0, headers: body.headers, body }));
      sent.on('error', (error) => reject(signal.aborted ? error : unreachableError(request.url, error, peer)));
      sent.end(request.body);
      return promise;
    },
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}
