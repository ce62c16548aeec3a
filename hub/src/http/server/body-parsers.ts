import { LIMITS, parseBoundedJson, type Decoded } from '@steward/shared';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { ProblemError } from '../problem.ts';
import { BodyRoom } from './body-room.ts';
import { readBody, tooLarge } from './read-body.ts';

const MAX_DEPTH = 32;
const DEADLINE_MS = 30_000;

/**
 * JSON with bounds on its size, its nesting and the time it takes to come. `application/octet-stream` and `application/gzip` reach the
 * handler as an unread stream in `request.body`, which the handler must bound itself. Everything else is refused.
 */
export function addBodyParsers(fastify: FastifyInstance): void {
  const room = new BodyRoom();
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', (request: FastifyRequest, payload: IncomingMessage) =>
    readJson(request, payload, room),
  );
  fastify.addContentTypeParser(['application/octet-stream', 'application/gzip'], (_request, payload, done) =>
    done(null, payload),
  );
}

async function readJson({ headers, ip }: FastifyRequest, payload: IncomingMessage, room: BodyRoom): Promise<unknown> {
  const maxBytes = LIMITS.maxRequestBytes;
  if (Number(headers['content-length']) > maxBytes) throw tooLarge(maxBytes);
  const body = await readBody(payload, { room, address: ip, maxBytes, deadlineMs: DEADLINE_MS });
  if (body.byteLength === 0) return undefined;
  const text = textOf(body);
  const json = text.ok ? parseBoundedJson(text.value, MAX_DEPTH) : text;
  if (!json.ok) throw new ProblemError('invalid-request', `the request body is ${json.error}`);
  return json.value;
}

/** Bytes that are no text would be put right in silence, and a name not be the one that was sent. */
function textOf(bytes: Buffer): Decoded<string> {
  try {
    return { ok: true, value: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { ok: false, error: 'not UTF-8' };
  }
}
