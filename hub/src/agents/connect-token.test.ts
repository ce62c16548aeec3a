import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isSigned, readToken } from './connect-token.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const claims = {
  sub: '00000000-0000-4000-8000-000000000001',
  aud: 'steward-hub',
  iat: 1,
  exp: 2,
  cluster: 'uid',
  jti: 'x',
};

function token(header: unknown, body: unknown, key: KeyObject = privateKey): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part(header)}.${part(body)}`;
  return `${head}.${sign(null, Buffer.from(head), key).toString('base64url')}`;
}

describe('a connect token', () => {
  it('is read, and believed by its signature', () => {
    const read = readToken(token({ alg: 'EdDSA' }, claims));
    expect(read).toMatchObject({ ok: true, value: { claims } });
    expect(read.ok && isSigned(read.value, publicKey)).toBe(true);
  });

  it('is not believed when another key signed it, or a byte was changed', () => {
    const other = generateKeyPairSync('ed25519');
    const read = readToken(token({ alg: 'EdDSA' }, claims, other.privateKey));
    expect(read.ok && isSigned(read.value, publicKey)).toBe(false);
    const [, body, signature] = token({ alg: 'EdDSA' }, claims).split('.');
    const altered = readToken([Buffer.from('{"alg":"EdDSA","a":1}').toString('base64url'), body, signature].join('.'));
    expect(altered.ok && isSigned(altered.value, publicKey)).toBe(false);
  });

  it.each([
    ['garbage', 'garbage'],
    ['without a signature', token({ alg: 'EdDSA' }, claims).replace(/\.[^.]*$/, '.')],
    ['with alg none', token({ alg: 'none' }, claims)],
    ['with alg HS256', token({ alg: 'HS256' }, claims)],
    ['for another audience', token({ alg: 'EdDSA' }, { ...claims, aud: 'elsewhere' })],
    ['for no cluster', token({ alg: 'EdDSA' }, { ...claims, sub: 'x' })],
    ['that is huge', `${'a'.repeat(3_000)}.b.c`],
  ])('is refused %s', (_name, text) => {
    expect(readToken(text).ok).toBe(false);
  });
});
