import { parseBoundedJson } from '@steward/shared';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problem.ts';

const MAX_DEPTH = 32;

/**
 * JSON with a bound on its nesting. `application/octet-stream` and `application/gzip` reach the handler as an unread stream in
 * `request.body`, which the handler must bound itself. Everything else is refused.
 */
export function addBodyParsers(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, text, done) => {
    if (text === '') {
      done(null, undefined);
      return;
    }
    const json = parseBoundedJson(String(text), MAX_DEPTH);
    if (json.ok) done(null, json.value);
    else done(new ProblemError('invalid-request', `the request body is ${json.error}`), undefined);
  });
  fastify.addContentTypeParser(['application/octet-stream', 'application/gzip'], (_request, payload, done) =>
    done(null, payload),
  );
}
