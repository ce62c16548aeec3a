import { describe, expect, it } from 'vitest';
import { compile } from '../schema.ts';
import { ChartPlace } from './chart-place.ts';
import { entryFor } from './docker-config.ts';

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });
const file = JSON.stringify({
  auths: {
    'https://index.docker.io/v1/': auth('docker:a'),
    'reg.example': auth('anna:p:w'),
    'reg.example/team': { username: 'team', password: 'b' },
    'open.example:5000': {},
  },
  credsStore: 'desktop',
});

describe('a file of logins', () => {
  it.each([
    ['docker.io/acme/nats', { name: 'docker.io', login: { username: 'docker', password: 'a' } }],
    ['reg.example/charts/nats', { name: 'reg.example', login: { username: 'anna', password: 'p:w' } }],
    ['reg.example/team/nats', { name: 'reg.example/team', login: { username: 'team', password: 'b' } }],
    ['reg.example/teams/nats', { name: 'reg.example', login: { username: 'anna', password: 'p:w' } }],
    ['open.example:5000/nats', { name: 'open.example:5000' }],
    ['open.example/nats', undefined],
    ['reg.example.evil.example/nats', undefined],
  ])('has for %s the entry that fits best', (place, entry) => {
    expect(entryFor(file, place)).toEqual({ ok: true, value: entry });
  });

  it.each(['', '[]', '{"auths":[]}', '{"auths":{"a":1}}'])('is refused when it is none: %s', (text) => {
    expect(entryFor(text, 'reg.example/nats')).toMatchObject({ ok: false });
  });
});

describe('the place of a chart', () => {
  const decode = compile(ChartPlace);
  it.each(['reg.example/nats', 'reg.example:5000/a/b__c/d-e.f', 'localhost:5000/nats', '127.0.0.1:80/x'])(
    'is %s',
    (place) => expect(decode(place).ok).toBe(true),
  );
  it.each([
    'nats',
    'reg.example/',
    'reg.example/../nats',
    'reg.example/a/./b',
    'reg.example/nats:1.2.3',
    'reg.example/nats@sha256:1',
    'user@reg.example/nats',
    'https://reg.example/nats',
    'reg.example/nats?x',
    'reg.example/nats#x',
    'reg.example/Nats',
    'reg.example:/nats',
  ])('is not %s', (place) => expect(decode(place).ok).toBe(false));
});
