import { describe, expect, it } from 'vitest';
import { normalizeImage, parseImageReference } from './image-reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('image references', () => {
  it.each([
    ['nats', 'docker.io/library/nats:latest'],
    ['nats:2.15', 'docker.io/library/nats:2.15'],
    ['acme/web:1', 'docker.io/acme/web:1'],
    ['ghcr.io/acme/web:1', 'ghcr.io/acme/web:1'],
    ['localhost/web:1', 'localhost/web:1'],
    ['registry:5000/web', 'registry:5000/web:latest'],
    ['registry.example:5000/a/b/c:v1.2-x', 'registry.example:5000/a/b/c:v1.2-x'],
    [`nats:2.15@${digest}`, 'docker.io/library/nats:2.15'],
    [`nats@${digest}`, `docker.io/library/nats@${digest}`],
  ])('reads %s as %s', (text, expected) => {
    expect(normalizeImage(text)).toBe(expected);
  });

  it.each(['', 'Nats Server', 'nats:', 'nats@sha256:12', 'UPPER/case:1', 'a//b', '-nats:1', `${'a'.repeat(501)}`])(
    'refuses %s',
    (text) => {
      expect(normalizeImage(text)).toBeUndefined();
    },
  );

  it('keeps the digest beside the tag', () => {
    expect(parseImageReference(`nats:2.15@${digest}`)).toEqual({
      host: 'docker.io',
      repository: 'library/nats',
      tag: '2.15',
      digest,
    });
  });
});
