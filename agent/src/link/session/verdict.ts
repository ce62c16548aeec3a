import { CLOSE_CODES } from '@steward/shared';
import type { Prepared } from '../../identity/hub-access.ts';
import type { AttemptEnd } from './backoff.ts';
import type { Refusal } from '../hub-http.ts';
import { explainClose, explainFailure, explainRefusal, type Where } from './refusals.ts';
import type { SessionEnd } from './session.ts';

/** What an attempt to be connected came to: why it is over, and what that means for the next one. */
export interface Verdict extends AttemptEnd {
  message: string;
  wasReplaced?: boolean;
  isIdentityRefused?: boolean;
}

export function verdictOnPreparation(prepared: Exclude<Prepared, { ok: true }>, where: Where): Verdict {
  switch (prepared.why) {
    case 'no-token':
      return {
        message:
          'The agent has no identity and no enrolment token. Ask the vendor for an install line for this cluster and apply it.',
        isSlow: true,
        connectedMs: undefined,
      };
    case 'refused':
      return verdictOnRefusal(prepared.refusal, where);
    case 'unreachable':
      return { ...explainFailure(prepared.error, where), connectedMs: undefined };
  }
}

export function verdictOnSession(end: SessionEnd, where: Where): Verdict {
  const { connection, isWelcomed, goaway, complaint } = end;
  const { hub } = where;
  if (connection.kind === 'failed') return { ...explainFailure(connection.error, where), connectedMs: undefined };
  if (connection.kind === 'refused') return verdictOnRefusal(connection.refusal, where);
  const connectedMs = isWelcomed ? connection.connectedMs : undefined;
  if (connection.kind === 'silent')
    return { message: `Nothing was heard from ${hub} for a while; connecting again.`, isSlow: false, connectedMs };
  if (goaway)
    return {
      message: `The hub ${hub} asked to come back a little later: ${goaway.reason}.`,
      isSlow: false,
      connectedMs,
      spread: { minMs: goaway.minDelayMs, maxMs: goaway.maxDelayMs },
    };
  if (complaint !== undefined)
    return {
      message: `The agent could not use what ${hub} sent: ${complaint}. Either the versions do not fit, or a proxy changes what it carries.`,
      isSlow: false,
      connectedMs,
    };
  const { code, reason } = connection;
  return {
    ...explainClose(code, reason, hub),
    connectedMs,
    wasReplaced: code === CLOSE_CODES.replaced.code,
    isIdentityRefused: code === CLOSE_CODES.revoked.code || code === CLOSE_CODES.unauthorized.code,
  };
}

function verdictOnRefusal(refusal: Refusal, where: Where): Verdict {
  return {
    ...explainRefusal(refusal, where),
    connectedMs: undefined,
    floorMs: refusal.retryAfterMs,
    isIdentityRefused: refusal.status === 401 || refusal.code === 'cluster-revoked' || refusal.code === 'wrong-cluster',
  };
}
