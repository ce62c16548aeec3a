import type { SecureContextOptions } from 'node:tls';

export type ServerCertificate = Required<Pick<SecureContextOptions, 'key' | 'cert'>>;

/** What the hub proves itself with. Undefined parts: TLS is off, or the certificate comes from a public authority. */
export abstract class TlsMaterial {
  /** Key and chain of the server, for `https.createServer`. @throws Error when TLS is off */
  abstract secureContext(): ServerCertificate;
  /** The certificate of the hub's own authority, which agents pin. */
  abstract caPem(): string | undefined;
  /** `sha256//…` over the server's public key, as `curl --pinnedpubkey` takes it. The key stays when the certificate is renewed. */
  abstract publicKeyPin(): string | undefined;
  /** Is called with every new certificate. */
  abstract onRenewed(handler: (certificate: ServerCertificate) => void): void;
  abstract start(): Promise<void>;
  abstract stop(): void;
}
