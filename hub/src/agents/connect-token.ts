import { compile, ConnectClaims, type Decoded } from '@steward/shared';
import { verify, type KeyObject } from 'node:crypto';
import * as Type from 'typebox';

const decodeHeader = compile(Type.Object({ alg: Type.Literal('EdDSA') }));
const decodeClaims = compile(ConnectClaims);
const MAX_TOKEN_CHARACTERS = 2_000;

/** A token that can be read; nothing in it is true before {@link isSigned}. */
export interface ReadToken {
  claims: ConnectClaims;
  signed: Buffer;
  signature: Buffer;
}

function readPart(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Reads a JWT of an agent without believing it. Only EdDSA is spoken: a header cannot choose another algorithm, or none. */
export function readToken(token: string): Decoded<ReadToken> {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.');
  if (token.length > MAX_TOKEN_CHARACTERS || rest.length > 0 || signature === '')
    return { ok: false, error: 'it is no signed token' };
  const decodedHeader = decodeHeader(readPart(header));
  if (!decodedHeader.ok) return { ok: false, error: `its header is not as expected: ${decodedHeader.error}` };
  const claims = decodeClaims(readPart(payload));
  if (!claims.ok) return { ok: false, error: `its claims are not as expected: ${claims.error}` };
  return {
    ok: true,
    value: {
      claims: claims.value,
      signed: Buffer.from(`${header}.${payload}`),
      signature: Buffer.from(signature, 'base64url'),
    },
  };
}

export function isSigned({ signed, signature }: ReadToken, key: KeyObject): boolean {
  return verify(null, signed, key, signature);
}
