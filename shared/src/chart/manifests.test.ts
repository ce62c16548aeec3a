import { describe, expect, it } from 'vitest';
import { hooksOf } from './hooks.ts';
import { readManifests } from './manifests.ts';

const map = (data: string): string =>
  `---\n# Source: shop/templates/map.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n${data}`;

describe('rendered manifests', () => {
  it.each([
    ['yes', true],
    ['off', false],
    ['"yes"', 'yes'],
    ['0644', 420],
    ['0o644', '0o644'],
    ['22:22', '22:22'],
    ['2024-01-01', '2024-01-01'],
    ['1e3', 1000],
    ['1_000', 1000],
    ['0x1F', 31],
    ['~', null],
    ['null', null],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['1e21', 1e21],
    ['{ a: 1, a: 2 }', { a: 2 }],
  ])('are read as Kubernetes reads them: %s', (text, value) => {
    const parsed = readManifests(map(`  x: ${text}\n`));
    expect(parsed).toMatchObject({ ok: true, objects: [{ object: { data: { x: value } } }] });
  });

  it('are split where Helm splits, and lists are taken apart', () => {
    const list = '---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n';
    const text = `${map('  x: |\n    ---\n    no end\n')}\n---\n# nothing\n${list}--- \n${map('  y: "1"')}`;
    const parsed = readManifests(text);
    expect(parsed.ok && parsed.objects.map(({ object }) => object.kind)).toEqual(['ConfigMap', 'Secret', 'ConfigMap']);
    expect(parsed).toMatchObject({ objects: [{ object: { data: { x: '---\nno end\n' } } }, {}, {}] });
  });

  it('understand anchors and merges, a few of them', () => {
    const parsed = readManifests(map('  <<: &base {a: "1"}\n  b: "2"\n'));
    expect(parsed).toMatchObject({ ok: true, objects: [{ object: { data: { a: '1', b: '2' } } }] });
  });

  it('that cannot be read are refused by template and line, without their text', () => {
    const parsed = readManifests(map('  password: "hunter2\n  x: [\n'));
    expect(parsed).toMatchObject({
      ok: false,
      error: expect.stringMatching(/shop\/templates\/map\.yaml .* line \d+/),
      template: 'shop/templates/map.yaml',
    });
    expect(JSON.stringify(parsed)).not.toContain('hunter2');
  });

  it.each([
    ['9007199254740993', 'number'],
    ['-0x7fffffffffffffff', 'number'],
    ['[{ y: 18446744073709551615 }]', 'number'],
    ['.inf', 'number'],
    ['.nan', 'number'],
    ['1e400', 'number'],
    ['!!binary aGk=', 'neither'],
    ['!!set { a, b }', 'neither'],
    ['!!omap [a: b]', 'neither'],
    ['&x { y: [*x] }', 'itself'],
  ])('that JSON would change on the way are refused: %s', (text, word) => {
    const parsed = readManifests(map(`  x: ${text}\n`));
    expect(parsed).toMatchObject({ ok: false, error: expect.stringContaining(word) });
  });

  it('without kind or name are refused', () => {
    expect(readManifests('a: 1')).toMatchObject({ ok: false, error: expect.stringContaining('required') });
    expect(readManifests('just text')).toMatchObject({ ok: false });
  });

  it('may leave parts of metadata empty', () => {
    const parsed = readManifests(
      'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: ""\n  annotations:\n  labels: null\n',
    );
    expect(parsed.ok && parsed.objects[0]?.object.metadata).toEqual({ name: 'a' });
  });

  it('have the texts of Secrets where Kubernetes keeps them', () => {
    const secret = (data: string): string => `apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n${data}`;
    expect(readManifests(secret('data: {a: eA==, b: eA==}\nstringData: {b: "y", c: "ä"}'))).toMatchObject({
      objects: [{ object: { data: { a: 'eA==', b: 'eQ==', c: 'w6Q=' } } }],
    });
    expect(readManifests(secret('stringData: {a: 1}'))).toMatchObject({
      objects: [{ object: { stringData: { a: 1 } } }],
    });
  });

  it('have no tests among them, but all other hooks', () => {
    const hook = (kinds: string): string =>
      `---\napiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: "${kinds}"}}\n`;
    const parsed = readManifests(hook('test') + hook('test-success, test-failure') + hook('test, pre-upgrade'));
    expect(parsed.ok && parsed.objects.map(({ object }) => hooksOf(object))).toEqual([['test', 'pre-upgrade']]);
  });
});
