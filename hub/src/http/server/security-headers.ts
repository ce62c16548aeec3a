import type { FastifyInstance } from 'fastify';

/** Nothing inline, nothing from elsewhere, no eval. A page that needs a hash or more sets its own header. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** Headers on every answer, unless the route has set its own. Strict transport only under a certificate that browsers trust. */
export function addSecurityHeaders(fastify: FastifyInstance, isPubliclyTrusted: boolean): void {
  const headers: Record<string, string> = {
    'content-security-policy': CONTENT_SECURITY_POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
    ...(isPubliclyTrusted ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    for (const [name, value] of Object.entries(headers)) if (!reply.hasHeader(name)) reply.header(name, value);
    reply.header('request-id', request.id);
    done();
  });
}
