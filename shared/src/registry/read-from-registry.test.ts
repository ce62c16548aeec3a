import { describe, expect, it } from 'vitest';
import { readFromRegistry, type RegistryAnswer, type RegistryRequest } from './read-from-registry.ts';

const BLOB = 'https://reg.example/v2/charts/nats/blobs/sha256:1';
const wanted = { place: 'reg.example/charts/nats', path: 'blobs/sha256:1', accept: '*/*', maxBytes: 100 };
const login = { username: 'anna', password: 'p:w' };
const basic = `Basic ${Buffer.from('anna:p:w').toString('base64')}`;
const ok = (body: string): Partial<RegistryAnswer> => ({ status: 200, body: Buffer.from(body) });
const to = (location: string, status = 307): Partial<RegistryAnswer> => ({ status, headers: { location } });
const challenge = (text: string): Partial<RegistryAnswer> => ({ status: 401, headers: { 'www-authenticate': text } });

/** A registry of a few answers by address, with what it was asked: `https://… authorization`. */
function registry(answers: Record<string, Partial<RegistryAnswer>>) {
  const asked: string[] = [];
  const send = async ({ url, headers }: RegistryRequest): Promise<RegistryAnswer> => {
    const { authorization = '' } = headers;
    const line = `${url.href} ${authorization}`.trimEnd();
    asked.push(line);
    return { status: 404, headers: {}, body: Buffer.alloc(0), ...(answers[line] ?? answers[url.href]) };
  };
  return { asked, send };
}

describe('a registry', () => {
  it('is asked without a login where it wants none', async () => {
    const { asked, send } = registry({ [BLOB]: ok('chart') });
    expect(await readFromRegistry({ send, login }, wanted)).toMatchObject({ ok: true, body: Buffer.from('chart') });
    expect(asked).toEqual([BLOB]);
  });

  it('is given the login when it asks for it', async () => {
    const { send } = registry({ [BLOB]: challenge('Basic realm="r"'), [`${BLOB} ${basic}`]: ok('chart') });
    expect(await readFromRegistry({ send, login }, wanted)).toMatchObject({ ok: true });
    expect(await readFromRegistry({ send }, wanted)).toMatchObject({
      fault: {
        code: 'unauthorized',
        message: 'reg.example asks for a login for charts/nats/blobs/sha256:1 (HTTP 401)',
      },
    });
  });

  it('is given a token of the service that it names, for reading this and no more', async () => {
    const token = 'https://auth.example/token?service=r&scope=repository%3Acharts%2Fnats%3Apull';
    const { asked, send } = registry({
      [BLOB]: challenge('Bearer realm="https://auth.example/token",service="r"'),
      [token]: ok('{"access_token":"guest"}'),
      [`${token} ${basic}`]: ok('{"token":"annas"}'),
      [`${BLOB} Bearer annas`]: ok('chart'),
      [`${BLOB} Bearer guest`]: { status: 403 },
    });
    expect(await readFromRegistry({ send, login }, wanted)).toMatchObject({ ok: true });
    expect(asked).toEqual([BLOB, `${token} ${basic}`, `${BLOB} Bearer annas`]);
    expect(await readFromRegistry({ send }, wanted)).toMatchObject({ fault: { code: 'unauthorized' } });
  });

  it.each([
    ['by plain http', 'Bearer realm="http://auth.example/token"', 'no token service that is reached by https'],
    ['that is none', 'Bearer realm="auth"', 'no token service that is reached by https'],
    ['that gives none', 'Bearer realm="https://auth.example/empty"', 'auth.example answered with no token'],
    ['that gives what is none', 'Bearer realm="https://auth.example/bad"', 'auth.example answered with no token'],
    [
      'that refuses',
      'Bearer realm="https://auth.example/no"',
      'auth.example does not give token for charts/nats to the login anna',
    ],
  ])('gets no login for a token service %s', async (_name, header, message) => {
    const { asked, send } = registry({
      [BLOB]: challenge(header),
      'https://auth.example/empty?scope=repository%3Acharts%2Fnats%3Apull': ok('{}'),
      'https://auth.example/bad?scope=repository%3Acharts%2Fnats%3Apull': ok('{"token":"a\\r\\nb"}'),
      'https://auth.example/no?scope=repository%3Acharts%2Fnats%3Apull': { status: 403 },
    });
    const answer = await readFromRegistry({ send, login }, wanted);
    expect(answer).toMatchObject({ ok: false, fault: { message: expect.stringContaining(message) as unknown } });
    expect(asked.filter((line) => line.startsWith('http:'))).toEqual([]);
  });

  it('sends on to another host, which does not see the login', async () => {
    const { asked, send } = registry({
      [BLOB]: challenge('Basic'),
      [`${BLOB} ${basic}`]: to('/moved'),
      [`https://reg.example/moved ${basic}`]: to('https://store.example/blob?signed=1', 302),
      'https://store.example/blob?signed=1': ok('chart'),
    });
    expect(await readFromRegistry({ send, login }, wanted)).toMatchObject({ ok: true });
    expect(asked.at(-1)).toBe('https://store.example/blob?signed=1');
  });

  it.each([
    ['to plain http', to('http://store.example/blob'), 'a place that is not https'],
    ['to nowhere', { status: 307 }, 'sends on more than 3 times'],
    ['for ever', to(BLOB), 'sends on more than 3 times'],
  ])('is not followed %s', async (_name, answer, message) => {
    const { asked, send } = registry({ [BLOB]: answer });
    expect(await readFromRegistry({ send, login }, wanted)).toMatchObject({
      fault: { code: 'unusable', message: expect.stringContaining(message) as unknown },
    });
    expect(asked.filter((line) => !line.startsWith(BLOB))).toEqual([]);
    expect(asked.length).toBeLessThanOrEqual(4);
  });

  it.each([
    [404, 'not-found', 'reg.example has no charts/nats/blobs/sha256:1 (HTTP 404)'],
    [403, 'unauthorized', 'asks for a login'],
    [429, 'busy', 'HTTP 429'],
    [503, 'busy', 'HTTP 503'],
    [418, 'unusable', 'HTTP 418'],
    [200, 'too-long', 'more than the 100 bytes that are due'],
  ])('says by %i that it is %s', async (status, code, message) => {
    const { send } = registry({ [BLOB]: { status, body: undefined } });
    const fault = { code, message: expect.stringContaining(message) as unknown };
    expect(await readFromRegistry({ send }, wanted)).toMatchObject({ ok: false, fault });
  });

  it('is asked by plain http only where that was said, and Docker’s by its own name', async () => {
    const { asked, send } = registry({});
    await readFromRegistry({ send, isPlain: true }, { ...wanted, place: 'localhost:5000/nats' });
    await readFromRegistry({ send }, { ...wanted, place: 'docker.io/acme/nats' });
    expect(asked).toEqual([
      'http://localhost:5000/v2/nats/blobs/sha256:1',
      'https://registry-1.docker.io/v2/acme/nats/blobs/sha256:1',
    ]);
  });
});
