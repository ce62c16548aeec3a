import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

export interface FaultProxy {
  /** Where to connect instead of the target. */
  host: string;
  port: number;
  /** Ends every connection at once, as a load balancer that restarts. New ones are accepted. */
  cut(): void;
  /** From now on bytes are swallowed in both directions and nothing is closed, as a dead peer does it; `false` ends that for new connections. */
  setHalfOpen(isHalfOpen: boolean): void;
  /** Refuses new connections until told otherwise. */
  setRefusing(isRefusing: boolean): void;
  /** Adds this to the way of each byte, in both directions. */
  setDelay(ms: number): void;
  /** Payload passed since the start, both ways. */
  bytes(): number;
  stop(): Promise<void>;
}

/** A TCP proxy that does to a connection what networks do. Give `host` the address under which its clients reach it. */
export async function startFaultProxy(target: { host: string; port: number }, host = '127.0.0.1'): Promise<FaultProxy> {
  const state = { isHalfOpen: false, isRefusing: false, delayMs: 0, bytes: 0 };
  const sockets = new Set<Socket>();

  const pipe = (from: Socket, to: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      if (state.isHalfOpen) return;
      state.bytes += chunk.length;
      if (state.delayMs > 0) setTimeout(() => to.writable && to.write(chunk), state.delayMs);
      else to.write(chunk);
    });
    from.on('error', () => undefined);
    from.on('close', () => {
      sockets.delete(from);
      if (!state.isHalfOpen) to.destroy();
    });
  };

  const server: Server = createServer((client) => {
    if (state.isRefusing) {
      client.destroy();
      return;
    }
    const upstream = connect(target);
    sockets.add(client).add(upstream);
    pipe(client, upstream);
    pipe(upstream, client);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');

  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  return {
    host,
    port: address.port,
    cut,
    setHalfOpen: (isHalfOpen) => void (state.isHalfOpen = isHalfOpen),
    setRefusing: (isRefusing) => void (state.isRefusing = isRefusing),
    setDelay: (ms) => void (state.delayMs = ms),
    bytes: () => state.bytes,
    stop: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
