import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Runs `task` while no other process of this machine (of this network namespace) runs one under the same name, and
 * waits for its turn. The lock is a socket in Linux's abstract namespace: the kernel frees it when its holder dies.
 * `onWait` is called once if the lock is taken.
 */
export async function withLock<T>(name: string, task: () => Promise<T>, onWait: () => void = () => {}): Promise<T> {
  const path = `\0steward-lock-${name}`;
  let held = await tryListen(path);
  if (!held) onWait();
  while (!held) {
    await untilReleased(path);
    held = await tryListen(path);
  }
  try {
    return await task();
  } finally {
    await held.release();
  }
}

interface Held {
  release(): Promise<void>;
}

function tryListen(path: string): Promise<Held | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Held | undefined>();
  const waiting = new Set<Socket>();
  const server: Server = createServer((socket) => {
    waiting.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => waiting.delete(socket));
  });
  const release = (): Promise<void> =>
    new Promise((done) => {
      server.close(() => done());
      for (const socket of waiting) socket.destroy();
    });
  server.on('error', (error: NodeJS.ErrnoException) =>
    error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error),
  );
  server.listen({ path }, () => resolve({ release }));
  return promise;
}

function untilReleased(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve());
    socket.resume();
  });
}
