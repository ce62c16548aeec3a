import { describe, expect, it } from 'vitest';
import { fieldAt, parseFieldPath, pathWithItem, pathWithKey } from './field-path.ts';
import { differingFields, keptFieldsOf, withKeptFields } from './generate-once.ts';
import type { RenderedObject } from './pod-specs.ts';

const secret = (data: Record<string, string>, name = 'shop-auth'): RenderedObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  type: 'Opaque',
  data,
});

describe('a path of a field', () => {
  it.each([
    ['data', ['data']],
    ['data.password', ['data', 'password']],
    ['data["tls.crt"]', ['data', 'tls.crt']],
    ['metadata.annotations["checksum/config"]', ['metadata', 'annotations', 'checksum/config']],
    ['spec.containers[web].env[0].value', ['spec', 'containers', 'web', 'env', '0', 'value']],
    ['a["x\\"y\\\\z"]', ['a', 'x"y\\z']],
  ])('is read: %s', (text, path) => {
    expect(parseFieldPath(text)).toEqual(path);
  });

  it.each(['', '.', 'a.', '.a', 'a..b', 'a[', 'a[]', 'a["b', 'a]b', 'a b"c'])('is refused: %j', (text) => {
    expect(parseFieldPath(text)).toBeUndefined();
  });

  it('is written as it is read', () => {
    for (const key of ['plain', 'tls.crt', 'a/b', 'x"y\\z', '[0]'])
      expect(parseFieldPath(pathWithKey('data', key))).toEqual(['data', key]);
    expect(pathWithItem('list', { name: 'web' }, 3)).toBe('list[web]');
    expect(pathWithItem('list', 'x', 3)).toBe('list[3]');
  });

  it('finds items of lists by name, else by position, and nothing that is inherited', () => {
    const object = {
      list: [
        { name: 'b', v: 1 },
        { name: 'a', v: 2 },
      ],
    };
    expect(fieldAt(object, ['list', 'a', 'v'])).toBe(2);
    expect(fieldAt(object, ['list', '0', 'v'])).toBe(1);
    expect(fieldAt(object, ['list', '2', 'v'])).toBeUndefined();
    expect(fieldAt(object, ['constructor', 'name'])).toBeUndefined();
  });
});

describe('what is made once', () => {
  const entry = { kind: 'Secret', name: '${installation}-auth' };

  it('is kept where the new render still has it; the rest is as it renders now', () => {
    const kept = keptFieldsOf({ ...entry, fields: ['data'] }, secret({ password: 'old', gone: 'x' }));
    const [now] = withKeptFields([secret({ password: 'new', added: 'y' })], kept);
    expect(now).toMatchObject({ data: { password: 'old', added: 'y' } });
    expect(now).not.toHaveProperty('data.gone');
  });

  it('is only the fields that are named, however the template writes them', () => {
    const kept = keptFieldsOf({ ...entry, fields: ['stringData.password', 'data.none'] }, secret({ password: 'old' }));
    expect(kept).toHaveLength(1);
    expect(withKeptFields([secret({ password: 'new', user: 'b' })], kept)).toEqual([
      secret({ password: 'old', user: 'b' }),
    ]);
  });

  it('is all content of an object without fields, but not its labels', () => {
    const kept = keptFieldsOf(entry, {
      ...secret({ password: 'old' }),
      metadata: { name: 'shop-auth', labels: { v: '1' } },
    });
    const fresh = { ...secret({ password: 'new' }), metadata: { name: 'shop-auth', labels: { v: '2' } } };
    expect(withKeptFields([fresh], kept)).toEqual([{ ...fresh, data: { password: 'old' } }]);
  });

  it('is not taken from another object', () => {
    const kept = keptFieldsOf(entry, secret({ password: 'old' }));
    const others = [secret({ password: 'new' }, 'other'), { ...secret({ password: 'new' }), kind: 'ConfigMap' }];
    expect(withKeptFields(others, kept)).toEqual(others);
  });
});

it('names the fields in which two renders differ', () => {
  const a = { data: { 'tls.crt': '1', same: '1' }, list: [{ name: 'web', v: 1 }, 2], gone: 1 };
  const b = { data: { 'tls.crt': '2', same: '1' }, list: [{ name: 'web', v: 2 }, 3] };
  expect(differingFields(a, b, 10)).toEqual(['data["tls.crt"]', 'list[web].v', 'list[1]', 'gone']);
  expect(differingFields(a, b, 2)).toEqual(['data["tls.crt"]', 'list[web].v']);
});
