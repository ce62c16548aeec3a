import { Inject, Injectable } from '@nestjs/common';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { CONFIG, type Config, type ListenAddress } from '../../config.ts';
import { answerAndEnd } from './last-answer.ts';
import { TrustedProxies } from './trusted-proxies.ts';
import { TlsMaterial } from '../../tls/tls-material.ts';

/** Answers an HTTP upgrade: completes it, or writes a refusal and ends the socket. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A listen address cannot be had. */
export class ListenError extends Error {}

/**
 * One server per listen address; all share the request handler and the upgrade handlers. They accept connections only between
 * {@link start} and {@link stopAccepting}.
 */
@Injectable()
export class HttpServers {
  readonly #servers: (Server | TlsServer)[] = [];
  readonly #sockets = new Set<Socket>();
  #closed: Promise<unknown> = Promise.resolve();
  readonly #proxies: TrustedProxies;
  readonly #upgrades = new Map<string, UpgradeHandler>();
  #state: 'new' | 'listening' | 'draining' | 'stopped' = 'new';

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly tls: TlsMaterial,
  ) {
    this.#proxies = new TrustedProxies(config.trustedProxies);
  }

  /** Whom an upgrade is from: requests have it from the framework, which does not see upgrades. */
  remoteOf(request: IncomingMessage): string {
    return this.#proxies.addressOf(request);
  }

  /** Takes the upgrades of one path, with 503 while the hub stops. Elsewhere the wish for one is ignored, as HTTP allows: Java's client has it in each of its requests. */
  onUpgrade(path: string, handler: UpgradeHandler): void {
    this.#upgrades.set(path, handler);
  }

  /** What the servers really listen on, once started. */
  addresses(): ListenAddress[] {
    return this.#servers.map((server) => {
      const address = server.address();
      if (address === null || typeof address === 'string') throw new Error('the hub does not listen yet');
      return { host: address.address, port: address.port };
    });
  }

  /** The address that agents and curl use: the configured one, else the first that is listened on. Once started. */
  get publicUrl(): string {
    if (this.config.publicUrl !== undefined) return this.config.publicUrl;
    const [bound] = this.addresses();
    const host = this.config.listen[0]?.host ?? '127.0.0.1';
    const name = ['0.0.0.0', '::'].includes(host) ? '127.0.0.1' : host;
    const scheme = this.config.tls.kind === 'off' ? 'http' : 'https';
    return `${scheme}://${name.includes(':') ? `[${name}]` : name}:${bound?.port ?? 0}`;
  }

  /** @throws ListenError that names the address and what to do */
  async start(handler: RequestListener): Promise<void> {
    for (const address of this.config.listen) {
      const server = this.#create(handler);
      server.headersTimeout = 15_000;
      server.requestTimeout = 120_000;
      server.keepAliveTimeout = 65_000;
      server.on('connection', (socket: Socket) => {
        this.#sockets.add(socket);
        socket.once('close', () => this.#sockets.delete(socket));
      });
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.#upgrade(request, socket, head),
      );
      await listen(server, address);
      this.#servers.push(server);
    }
    this.tls.onRenewed((context) => {
      for (const server of this.#servers) if ('setSecureContext' in server) server.setSecureContext(context);
    });
    this.#state = 'listening';
  }

  /** Takes no new connections; requests in flight go on. Safe twice. */
  stopAccepting(): void {
    if (this.#state === 'draining' || this.#state === 'stopped') return;
    this.#state = 'draining';
    this.#closed = Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        server.closeIdleConnections();
        return closed;
      }),
    );
  }

  /** Waits for what is in flight, at most so long, then cuts it off. Safe twice. */
  async stop(drainMs: number): Promise<void> {
    this.stopAccepting();
    const idle = setInterval(() => this.#servers.forEach((server) => server.closeIdleConnections()), 50);
    // Not closeAllConnections(): it does not know upgraded sockets any more, for which close() waits all the same.
    const cut = setTimeout(() => this.#sockets.forEach((socket) => socket.destroy()), drainMs);
    await this.#closed;
    clearInterval(idle);
    clearTimeout(cut);
    this.#state = 'stopped';
  }

  #create(handler: RequestListener): Server | TlsServer {
    const shouldUpgradeCallback = (request: IncomingMessage): boolean => this.#upgrades.has(pathOf(request));
    const options = { maxHeaderSize: 16 * 1024, shouldUpgradeCallback };
    if (this.config.tls.kind === 'off') return createServer(options, handler);
    return createTlsServer({ ...options, ...this.tls.secureContext(), minVersion: 'TLSv1.2' }, handler);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const handler = this.#upgrades.get(pathOf(request));
    if (this.#state === 'listening' && handler) {
      handler(request, socket, head);
      return;
    }
    const status = '503 Service Unavailable\r\nRetry-After: 2';
    answerAndEnd(socket, `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  }
}

function pathOf({ url = '/' }: IncomingMessage): string {
  return url.split('?')[0] ?? '/';
}

async function listen(server: Server, { host, port }: ListenAddress): Promise<void> {
  server.listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const why: Record<string, string> = {
      EADDRINUSE: 'another program listens there: stop it, or give another port in STEWARD_LISTEN',
      EADDRNOTAVAIL: 'this machine has no such address: correct STEWARD_LISTEN',
      EACCES: 'ports below 1024 need a privilege: give a higher one in STEWARD_LISTEN',
      ENOTFOUND: 'there is no such host name: correct STEWARD_LISTEN',
    };
    throw new ListenError(`cannot listen on ${host}:${port}: ${why[String(code)] ?? String(error)}`, { cause: error });
  }
}
