import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { createAuthority, createKey, issueServer, mustRenew, publicKeyPin, type Issued } from './own-authority.ts';
import { TlsMaterial, type ServerCertificate } from './tls-material.ts';

const CHECK_INTERVAL_MS = 12 * 3_600_000;

/** TLS material cannot be had; the message says which file and what to do. */
export class TlsError extends Error {}

/** The material that the configuration asks for; read or made by its start(). */
export function createTlsMaterial(config: Config, log: Logger): TlsMaterial {
  if (config.tls.kind === 'self') return new OwnTlsMaterial(join(config.dataDir, 'tls'), namesOf(config), log);
  if (config.tls.kind === 'files') return new GivenTlsMaterial(config.tls, log);
  return new NoTlsMaterial();
}

/** Everything a client may call this hub: the public host, the addresses listened on, and loopback. */
function namesOf({ publicUrl, listen }: Config): string[] {
  const hosts = listen.map(({ host }) => host).filter((host) => host !== '0.0.0.0' && host !== '::');
  if (publicUrl !== undefined) hosts.unshift(new URL(publicUrl).hostname.replace(/^\[(.*)\]$/, '$1'));
  return [...new Set([...hosts, 'localhost', '127.0.0.1'])];
}

class NoTlsMaterial extends TlsMaterial {
  secureContext(): ServerCertificate {
    throw new Error('TLS is off');
  }
  caPem(): undefined {}
  publicKeyPin(): undefined {}
  onRenewed(): void {}
  async start(): Promise<void> {}
  stop(): void {}
}

/** Material in memory that is looked at again twice a day. */
abstract class RenewedTlsMaterial extends TlsMaterial {
  readonly #handlers: ((certificate: ServerCertificate) => void)[] = [];
  #current: ServerCertificate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(protected readonly log: Logger) {
    super();
  }

  protected abstract load(): Promise<{ key: string; cert: string }>;

  async start(): Promise<void> {
    await this.#refresh();
    this.#timer ??= setInterval(() => {
      this.#refresh().catch((error: unknown) =>
        this.log.error({ err: error }, 'the TLS certificate could not be renewed; the old one stays'),
      );
    }, CHECK_INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  secureContext(): ServerCertificate {
    if (!this.#current) throw new Error('the TLS material was not started');
    return this.#current;
  }

  onRenewed(handler: (certificate: ServerCertificate) => void): void {
    this.#handlers.push(handler);
  }

  async #refresh(): Promise<void> {
    const loaded = await this.load();
    const isNew = this.#current?.cert !== loaded.cert;
    this.#current = loaded;
    if (isNew) for (const handler of this.#handlers) handler(loaded);
  }
}

class GivenTlsMaterial extends RenewedTlsMaterial {
  readonly #files: { certificate: string; key: string };

  constructor(files: { certificate: string; key: string }, log: Logger) {
    super(log);
    this.#files = files;
  }

  protected async load(): Promise<{ key: string; cert: string }> {
    const { certificate, key } = this.#files;
    try {
      const [cert, keyPem] = [await readFile(certificate, 'utf8'), await readFile(key, 'utf8')];
      if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(keyPem)))
        throw new TlsError(`the key in ${key} does not belong to the certificate in ${certificate}`);
      return { cert, key: keyPem };
    } catch (error) {
      if (error instanceof TlsError) throw error;
      throw new TlsError(`STEWARD_TLS: cannot use ${certificate} with ${key}: ${String(error)}`, { cause: error });
    }
  }

  caPem(): undefined {}
  publicKeyPin(): undefined {}
}

class OwnTlsMaterial extends RenewedTlsMaterial {
  readonly #directory: string;
  readonly #names: string[];
  #authority: Issued | undefined;

  constructor(directory: string, names: string[], log: Logger) {
    super(log);
    this.#directory = directory;
    this.#names = names;
  }

  caPem(): string | undefined {
    return this.#authority?.certificatePem;
  }

  publicKeyPin(): string {
    return publicKeyPin(String(this.secureContext().cert));
  }

  protected async load(): Promise<{ key: string; cert: string }> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const now = new Date();
    const authority = await this.#loadAuthority(now);
    this.#authority = authority;
    const key = await this.#loadOr('server.key', createKey);
    const expected = { authority, keyPem: key, names: this.#names };
    let certificate = await this.#read('server.pem');
    if (certificate === undefined || (await mustRenew(certificate, expected, now))) {
      certificate = await issueServer(authority, key, this.#names, now);
      await this.#write('server.pem', certificate);
      this.log.info({ names: this.#names }, 'issued a server certificate from the own authority');
    }
    return { key, cert: `${certificate.trim()}\n${authority.certificatePem.trim()}\n` };
  }

  async #loadAuthority(now: Date): Promise<Issued> {
    const [keyPem, certificatePem] = [await this.#read('ca.key'), await this.#read('ca.pem')];
    if (keyPem !== undefined && certificatePem !== undefined) return { keyPem, certificatePem };
    const authority = await createAuthority(now);
    await this.#write('ca.key', authority.keyPem);
    await this.#write('ca.pem', authority.certificatePem);
    return authority;
  }

  async #loadOr(name: string, create: () => Promise<string>): Promise<string> {
    const found = await this.#read(name);
    if (found !== undefined) return found;
    const made = await create();
    await this.#write(name, made);
    return made;
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#directory, name), 'utf8');
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw new TlsError(`cannot read ${join(this.#directory, name)}: ${String(error)}`, { cause: error });
    }
  }

  /** Whole or not at all: a crash leaves no half file. */
  async #write(name: string, content: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, content, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
}
