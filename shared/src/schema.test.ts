import { expect, it } from 'vitest';
import { CreateOperation } from './api/create-operation.ts';
import { ConnectClaims } from './frames/enrolment.ts';
import { compile } from './schema.ts';

const operation = compile(CreateOperation);
const reason = 'x'.repeat(501);

it.each([
  [{ kind: 'upgrade', version: '1.0.0', reason }, '/reason must NOT have more than 500 characters'],
  [{ kind: 'stop', reason }, '/reason must NOT have more than 500 characters'],
  [{ kind: 'uninstall', notAfterSeconds: 1e14 }, '/notAfterSeconds must be <= 31536000'],
  [{ kind: 'uninstall', version: '1.0.0' }, '/ must NOT have additional properties ("version")'],
])('tells of a union only what is wrong with the branch that is meant: %o', (value, error) => {
  expect(operation(value)).toEqual({ ok: false, error });
});

it('tells of a value that means no branch that none is right', () => {
  expect(operation({ kind: 'explode' })).toMatchObject({ ok: false });
  expect(operation('stop')).toMatchObject({ ok: false });
});

it('takes no time that is beyond all clocks', () => {
  const claims = {
    sub: crypto.randomUUID(),
    aud: 'steward-hub',
    iat: 1e9,
    exp: 1e9,
    jti: 'x'.repeat(20),
    cluster: 'uid',
  };
  const decode = compile(ConnectClaims);
  expect(decode(claims)).toMatchObject({ ok: true });
  expect(decode({ ...claims, iat: 1e308 })).toEqual({ ok: false, error: '/iat must be <= 100000000000' });
});
