import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Gate } from './gate.ts';

const CHANGES = /\b(INSERT INTO|UPDATE|DELETE FROM) +"?(\w+)/;
/** What the hub notes by the clock. */
const BY_THE_CLOCK = new Set(['hub_replicas']);

/**
 * Stands between a hub and PostgreSQL and passes every byte on as it is, but each commit of a transaction that changed
 * something goes through a {@link Gate}.
 */
export class CommitGate {
  readonly gate = new Gate();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, host: string, port: number) {
    this.#server = server;
    server.on('connection', (client: Socket) => this.#join(client, connect(port, host)));
  }

  static async open(databaseUrl: string): Promise<CommitGate> {
    const { hostname, port } = new URL(databaseUrl);
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new CommitGate(server, hostname, Number(port));
  }

  /** The same database, by way of here. */
  through(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    url.hostname = '127.0.0.1';
    url.port = String((this.#server.address() as AddressInfo).port);
    return url.href;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(client: Socket, server: Socket): void {
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        server.destroy();
      });
    }
    let changed: string | undefined;
    let answered: (() => Promise<boolean>) | undefined;
    // One after the other in each direction: what is held up holds up what follows.
    inOrder(client, async (bytes) => {
      const text = bytes.toString('latin1');
      changed = CHANGES.exec(text)?.[2] ?? changed;
      if (text.includes('COMMIT\0') && changed !== undefined && !BY_THE_CLOCK.has(changed)) {
        const passage = await this.gate.pass(`commit of ${changed}`);
        if (passage.isLost) return void client.destroy();
        ({ answered } = passage);
      }
      if (/(COMMIT|ROLLBACK)\0/.test(text)) changed = undefined;
      server.write(bytes);
    });
    inOrder(server, async (bytes) => {
      const told = answered;
      answered = undefined;
      if (await told?.()) client.destroy();
      else client.write(bytes);
    });
  }
}

function inOrder(socket: Socket, take: (bytes: Buffer) => Promise<void>): void {
  let before = Promise.resolve();
  socket.on('data', (bytes: Buffer) => {
    before = before.then(() => take(bytes));
  });
}
