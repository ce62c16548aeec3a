import type { Duplex } from 'node:stream';

/** Long enough for the answer to arrive: cut at once, a peer that is still sending may lose it to the reset. */
const LINGER_MS = 2_000;

/**
 * Writes an answer and ends the connection of an upgrade, also when the other side never ends its own: nobody else has a time limit for
 * a socket that was taken out of HTTP.
 */
export function answerAndEnd(socket: Duplex, text: string, lingerMs = LINGER_MS): void {
  if (socket.destroyed) return;
  const cut = setTimeout(() => socket.destroy(), lingerMs);
  socket.once('close', () => clearTimeout(cut));
  // What the other side still sends is thrown away; unread it would hide its end.
  socket.resume();
  socket.end(text);
}
