import type { Readable } from 'node:stream';
import { ProblemError } from '../problem.ts';
import type { BodyRoom } from './body-room.ts';

export interface BodyBounds {
  room: BodyRoom;
  /** Whose memory it counts as. */
  address: string;
  maxBytes: number;
  /** From the first byte to the last. */
  deadlineMs: number;
}

/**
 * All of a request's body. What is refused is left unread and the connection whole, so that the refusal arrives.
 * @throws ProblemError for one that is too large, too slow, breaks off, or finds no room
 */
export function readBody(payload: Readable, { room, address, maxBytes, deadlineMs }: BodyBounds): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onData = (chunk: Buffer): void => {
    if (bytes + chunk.byteLength > maxBytes) refuse(tooLarge(maxBytes));
    else if (!room.take(address, chunk.byteLength)) refuse(noRoom());
    else {
      bytes += chunk.byteLength;
      chunks.push(chunk);
    }
  };
  const onEnd = (): void => {
    leave();
    resolve(Buffer.concat(chunks, bytes));
  };
  const onError = (): void => refuse(new ProblemError('invalid-request', 'the request body breaks off'));
  const late = setTimeout(() => refuse(tooSlow(deadlineMs)), deadlineMs);
  const leave = (): void => {
    clearTimeout(late);
    payload.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError);
    // A connection that breaks later is nobody's error.
    payload.on('error', () => undefined);
    room.give(address, bytes);
  };
  const refuse = (problem: ProblemError): void => {
    leave();
    payload.pause();
    reject(problem);
  };
  payload.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError);
  return promise;
}

export function tooLarge(maxBytes: number): ProblemError {
  return new ProblemError('too-large', `a request body has at most ${maxBytes} bytes here`, {
    action: 'send less at once',
  });
}

function noRoom(): ProblemError {
  return new ProblemError('too-many-requests', 'too many request bodies are on their way at this moment', {
    action: 'try again in a few seconds',
    retryAfterSeconds: 2,
  });
}

function tooSlow(deadlineMs: number): ProblemError {
  return new ProblemError('invalid-request', `the request body did not come within ${deadlineMs / 1_000} s`, {
    action: 'send it in one go',
  });
}
