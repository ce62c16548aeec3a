import { CLOSE_CODES, closeReasonOf, PRODUCT_VERSION, type ProblemCode } from '@steward/shared';
import type { Refusal } from '../hub-http.ts';

/** Why there is no connection, in a sentence that says what to do; and whether trying soon can help. */
export interface Explanation {
  message: string;
  isSlow: boolean;
}

export interface Where {
  hub: string;
  proxy: string | undefined;
}

const RENEW = 'Ask the vendor for a new install line for this cluster and apply it.';

/** What something that is not a hub answers to us, or a proxy that does not know WebSockets. */
const NOT_A_HUB = new Set([200, 301, 302, 307, 308, 400, 403, 404, 405, 426, 501, 502]);

/** An HTTP status instead of a connection. */
export function explainRefusal(refusal: Refusal, { hub, proxy }: Where): Explanation {
  if (refusal.code !== undefined) {
    const said = `${sentence(refusal.detail)} ${sentence(refusal.action)}`.trim();
    const explain = PROBLEM_SENTENCES[refusal.code];
    return explain ? explain(said, hub) : soon(`The hub ${hub} refused. ${said} Trying again by itself.`);
  }
  const via = proxy === undefined ? '' : ` Between here and there is the proxy ${proxy}.`;
  const { status } = refusal;
  if (status === 401) return slow(`The hub ${hub} does not accept this agent's identity. ${RENEW}`);
  if (status === 407) return slow(`The proxy ${proxy ?? ''} wants a login: put user and password into HTTPS_PROXY.`);
  if (status === 429 || status === 503)
    return soon(`The hub ${hub} is busy or starting (HTTP ${status}); trying again by itself.`);
  if (NOT_A_HUB.has(status))
    return soon(
      `${hub} answered HTTP ${status} without being a Steward hub: the address is wrong, or a proxy or load balancer in between does not let WebSockets through.${via} Check hub-url in the ConfigMap steward-agent, and allow WebSocket upgrades.`,
    );
  return soon(`The hub ${hub} answered HTTP ${status}.${via} Trying again by itself.`);
}

/** As the hub words it: `detail` and `action` are phrases. */
function sentence(phrase = ''): string {
  const text = phrase.trim();
  return text === '' ? '' : `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

type Explain = (said: string, hub: string) => Explanation;
const notAccepted: Explain = (said, hub) => slow(`The hub ${hub} does not accept this agent. ${said || RENEW}`);

const PROBLEM_SENTENCES: Partial<Record<ProblemCode, Explain>> = {
  'token-used': (said) => slow(said || `The enrolment token has been used already. ${RENEW}`),
  'token-expired': (said) => slow(said || `The enrolment token has expired. ${RENEW}`),
  'cluster-revoked': (said, hub) => slow(`This cluster was revoked on the hub ${hub}. ${said || RENEW}`),
  'wrong-cluster': notAccepted,
  'not-authenticated': notAccepted,
  'not-allowed': notAccepted,
  'not-found': notAccepted,
  'clock-skew': (said, hub) =>
    soon(`The hub ${hub} says that this machine's clock is wrong, and did not accept the corrected time. ${said}`),
  'unknown-protocol': (_said, hub) =>
    slow(
      `The hub ${hub} does not speak the protocol of this agent (${PRODUCT_VERSION}). Apply the vendor's current install line to upgrade the agent.`,
    ),
};

/** A connection that the other side closed. */
export function explainClose(code: number, reason: string, hub: string): Explanation {
  const known = closeReasonOf(code);
  const meaning = known === undefined ? `code ${code}` : CLOSE_CODES[known].meaning;
  const detail = reason === '' || reason === meaning ? '' : ` ("${reason.slice(0, 120)}")`;
  if (known === 'replaced')
    return soon(
      `Another session of this agent took over${detail}. If that happens again and again, a second copy of this agent is running with the same identity.`,
    );
  const what = `The hub ${hub} ended the connection: ${meaning}${detail}`;
  if (known === 'revoked' || known === 'unauthorized') return slow(`${what}. ${RENEW}`);
  if (code === 1006) return soon(`The connection to ${hub} was lost; connecting again.`);
  return { message: `${what}; connecting again.`, isSlow: known !== undefined && !CLOSE_CODES[known].retry };
}

/** Where the agent knows an authority from. */
const AUTHORITY = {
  hub: 'If the hub has its own authority, apply a new install line, which carries it (hub-ca.pem in the ConfigMap steward-agent).',
  registry:
    'If the registry has its own authority, put it into a Secret that an ImageSource names in chartPullSecrets (ca.crt).',
};
const CERTIFICATE = 'Check the clock of this node, and whether a proxy in between opens TLS.';
const NETWORK_ADVICE: Record<string, string> = {
  ENOTFOUND: 'the name cannot be resolved. Check the address and the DNS of the cluster.',
  EAI_AGAIN: 'the name cannot be resolved just now. Check the DNS of the cluster.',
  ECONNREFUSED: 'nothing listens there. Check the address, and whether it is running.',
  ECONNRESET: 'the connection was cut while it was made. A firewall or a proxy may not allow it.',
  ETIMEDOUT: 'no answer. A firewall may drop it: outbound TCP to that address and port must be allowed.',
  EHOSTUNREACH: 'there is no route to it. Outbound TCP to that address and port must be allowed.',
  ENETUNREACH: 'there is no route to it. Outbound TCP to that address and port must be allowed.',
  CERT_HAS_EXPIRED: `its certificate has expired. ${CERTIFICATE}`,
  CERT_NOT_YET_VALID: `its certificate is not valid yet. ${CERTIFICATE}`,
  ERR_TLS_CERT_ALTNAME_INVALID: `its certificate is for another name. ${CERTIFICATE}`,
  SELF_SIGNED_CERT_IN_CHAIN: `its certificate is not from an authority this agent trusts. ${CERTIFICATE}`,
  DEPTH_ZERO_SELF_SIGNED_CERT: `its certificate is not from an authority this agent trusts. ${CERTIFICATE}`,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: `its certificate is not from an authority this agent trusts. ${CERTIFICATE}`,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: `its certificate is not from an authority this agent trusts. ${CERTIFICATE}`,
  CERT_SIGNATURE_FAILURE: `its certificate is not from the authority this agent trusts. ${CERTIFICATE}`,
  ERR_PROXY_TUNNEL: 'the proxy refused to connect to it. Allow this address in the proxy.',
};

/** No answer at all. */
export function explainFailure(error: Error, { hub, proxy }: Where): Explanation {
  const via = proxy === undefined ? '' : ` (through the proxy ${proxy})`;
  return soon(`The hub ${hub} cannot be reached${via}: ${whyUnreachable(error, 'hub')}`);
}

/** The same without its name, with what to do. */
export function whyUnreachable(error: Error, what: keyof typeof AUTHORITY): string {
  const code = codeOf(error);
  const advice = code === undefined ? undefined : NETWORK_ADVICE[code];
  const more = advice?.endsWith(CERTIFICATE) === true ? ` ${AUTHORITY[what]}` : '';
  return `${advice ?? `${error.message}.`}${more}${code === undefined ? '' : ` [${code}]`}`;
}

function codeOf(error: Error): string | undefined {
  if ('code' in error && typeof error.code === 'string') return error.code;
  // Happy eyeballs wraps one error per address.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return error.cause instanceof Error ? codeOf(error.cause) : undefined;
}

function soon(message: string): Explanation {
  return { message: message.trim(), isSlow: false };
}

function slow(message: string): Explanation {
  return { message: message.trim(), isSlow: true };
}
