import { createHash, X509Certificate } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { unreachableError } from '../hub-api/http.ts';

const timeoutMs = 15_000;

/** curl's pin: base64 of SHA-256 over the public key's SubjectPublicKeyInfo. */
export function pinOf(certificate: X509Certificate): string {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return `sha256//${createHash('sha256').update(spki).digest('base64')}`;
}

/**
 * The certificate of a hub, when its public key is the pinned one. Trusting only this certificate afterwards is as good as
 * knowing the hub's authority, for as long as the pin is known from elsewhere.
 * @param pin as curl writes it: `sha256//…`
 */
export async function pinnedCertificate(hubUrl: string, pin: string, signal: AbortSignal): Promise<string> {
  if (!/^sha256\/\/[A-Za-z0-9+/]{43}=$/.test(pin))
    throw usageError(
      `"${pin}" is not a pin`,
      'It is written sha256//…, as behind --pinnedpubkey in the line that the hub prints.',
    );
  const url = new URL(hubUrl);
  const { promise, resolve, reject } = Promise.withResolvers<X509Certificate | undefined>();
  const port = Number(url.port || 443);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  // Nothing is sent or believed here but the certificate itself, which is compared with the pin.
  const socket: TLSSocket = connect({
    host,
    port,
    servername: /^[\d.:]+$/.test(host) ? '' : host,
    rejectUnauthorized: false,
  });
  const onAbort = (): void => void socket.destroy(new Error('interrupted'));
  signal.addEventListener('abort', onAbort, { once: true });
  socket.setTimeout(timeoutMs, () => socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
  socket.on('secureConnect', () => resolve(socket.getPeerX509Certificate()));
  socket.on('error', (error) => reject(unreachableError(hubUrl, error)));
  try {
    const certificate = await promise;
    if (certificate && pinOf(certificate) === pin) return certificate.toString();
    throw new CliError(EXIT.unreachable, `${url.host} shows another key than the pinned one`, {
      action:
        'Do not go on: somebody may stand in between. Compare the pin with the line you were given, and ask the vendor.',
    });
  } finally {
    signal.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}
