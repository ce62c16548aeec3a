import { runInNewContext } from 'node:vm';
import * as Type from 'typebox';
import { expect, it } from 'vitest';
import { CreateOperation } from './api/create-operation.ts';
import { ConnectClaims } from './frames/enrolment.ts';
import { mapOf } from './schema-map.ts';
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

it('checks every key and every value of a map', () => {
  const decode = compile(mapOf(Type.Integer(), { propertyNames: Type.String({ format: 'uuid' }), maxProperties: 1 }));
  const id = crypto.randomUUID();
  expect(decode({ [id]: 1 })).toEqual({ ok: true, value: { [id]: 1 } });
  expect(decode({ [id]: 'one' })).toMatchObject({ ok: false, error: expect.stringContaining('must be integer') });
  expect(decode({ nobody: 1 })).toMatchObject({ ok: false, error: expect.stringContaining('"uuid"') });
  expect(decode({ [id]: 1, [crypto.randomUUID()]: 2 })).toMatchObject({ ok: false });
  expect(compile(mapOf(Type.String()))({ 'two\nlines': 1 })).toMatchObject({ ok: false });
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

it.each([
  ['2026-11-21T01:02:03.456Z', true],
  ['2026-11-21T01:02:03.123456789+05:30', true],
  ['2024-02-29T24:00:00Z', true],
  ['2026-02-29T00:00:00Z', false],
  ['2026-13-01T00:00:00Z', false],
  ['2026-11-21T25:00:00Z', false],
  ['2026-11-21T23:59:60Z', false],
  ['0000-01-01T00:00:00Z', false],
  ['0001-01-01T00:00:00Z', true],
  ['0001-01-01T00:00:00+15:59', false],
  ['9999-12-31T23:59:59Z', true],
  ['9999-12-31T23:59:59.9999Z', false],
  ['9999-12-31T23:59:59-15:59', false],
  ['2026-11-21T01:02:03+16:00', false],
  ['2026-11-21', false],
])('takes only a time that there is, and that a database takes: %s', (time, ok) => {
  expect(compile(Type.String({ format: 'date-time' }))(time)).toMatchObject({ ok });
});

it('decodes also after a time limit has ended its compilation, wherever that was', () => {
  let isHeldUp = false;
  let n = 0;
  do {
    n += 1;
    let reads = 0;
    isHeldUp = false;
    const schema = Type.Object({ a: Type.String() });
    const { properties } = schema;
    const slow = Object.defineProperty(schema, 'properties', {
      enumerable: true,
      get() {
        reads += 1;
        if (reads !== n) return properties;
        isHeldUp = true;
        for (;;);
      },
    });
    const decode = compile(slow);
    const work = (): unknown => decode({ a: 'b' });
    try {
      runInNewContext('work()', { work }, { timeout: 20 });
    } catch (error) {
      expect(String(error)).toContain('timed out');
    }
    expect(decode({ a: 'b' })).toEqual({ ok: true, value: { a: 'b' } });
    expect(decode({ a: 1 })).toMatchObject({ ok: false });
  } while (isHeldUp);
  expect(n).toBeGreaterThan(2);
});
