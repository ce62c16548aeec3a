import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { answerAndEnd } from '../http/server/last-answer.ts';
import type { ProblemAnswer } from '../http/problem.ts';

/** Answers an upgrade with a problem and ends the connection: a refusal is an HTTP status, never an accepted socket that closes. */
export function refuseUpgrade(socket: Duplex, { status, headers, body }: ProblemAnswer): void {
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...headers,
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
  }).map(([name, value]) => `${name}: ${value.replaceAll(/[\r\n]/g, ' ')}`);
  answerAndEnd(socket, `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('\r\n')}\r\n\r\n${text}`);
}
