import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { answeringChart, ChartTooLargeError, MAX_UNPACKED_CHART_BYTES } from './chart-archive.ts';
import { askedLookup, lookupTemplate, withoutLookup } from './lookup.ts';

const asks = (before: string): string => `list ${before} | include "steward.lookup" | fromJson`;

describe('a template that looks things up', () => {
  it.each([
    ['{{ lookup "v1" "Secret" .ns "a"}}', `{{ ${asks('"v1" "Secret" .ns "a"')}}}`],
    ['{{- lookup "v1" "Secret" .ns "a" -}}', `{{- ${asks('"v1" "Secret" .ns "a"')} -}}`],
    [
      '{{ $s := (lookup "v1" "Secret" .ns (f ")" `)`)).data.x }}',
      `{{ $s := (${asks('"v1" "Secret" .ns (f ")" `)`)')}).data.x }}`,
    ],
    ['{{ "a" | lookup "v1" "S" "ns" | toYaml }}', `{{ "a" | ${asks('"v1" "S" "ns" ')} | toYaml }}`],
    [
      '{{ if (lookup "v1" "S" "n" (lookup "v1" "M" "n" "a").data.s) }}',
      `{{ if (${asks(`"v1" "S" "n" (${asks('"v1" "M" "n" "a"')}).data.s`)}) }}`,
    ],
    ['é {{ lookup "a"\n"b" "c" "d"}} é', `é {{ ${asks('"a"\n"b" "c" "d"')}}} é`],
  ])('%s asks for an answer instead', (template, other) => {
    expect(withoutLookup(template)).toBe(other);
  });

  it.each([
    'lookup "v1"',
    '{{ .lookup }} {{ $lookup }} {{ $.lookup }} {{ lookups }} {{ mylookup }}',
    '{{/* lookup }} " */}}{{ "lookup \\" lookup" }}{{ `lookup` }}',
    '{{ eq \'x\' "lookup" }}',
    '{{ lookup "without an end"',
  ])('%s stays as it is', (template) => {
    expect(withoutLookup(template)).toBe(template);
  });

  it('what it asks for is read from what Helm says, and only when it is four texts', () => {
    const said = (key: string): string =>
      `Error: execution error at (a/templates/b.yaml:1:2): steward-lookup:${Buffer.from(key).toString('base64')}:`;
    expect(askedLookup(said('["apps/v1","Deployment","ns",""]'))).toEqual({
      key: '["apps/v1","Deployment","ns",""]',
      lookup: { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'ns', name: '' },
    });
    for (const key of ['["v1","Secret","ns",null]', '["v1"]', 'x', `["v1","Secret","ns","${'n'.repeat(254)}"]`])
      expect(askedLookup(said(key))).toEqual({ key, lookup: undefined });
    expect(askedLookup('Error: execution error at (a/templates/b.yaml:1:2): no')).toBeUndefined();
  });

  it('its answers are one text constant, whatever is in them', () => {
    const template = lookupTemplate(new Map([['["v1"]', '{"a":"}} \\" ` \n \ud800"}']]));
    expect(template).not.toMatch(/\n|\ud800/);
    const constant = /fromJson ("(?:[^"\\]|\\.)*") -/.exec(template)?.[1] ?? '';
    expect(Object.keys(JSON.parse(JSON.parse(constant) as string) as object)).toEqual(['["v1"]']);
  });
});

/** A tar file as GNU tar writes it, with a long name where one is needed. */
function tar(files: Record<string, Uint8Array | string>): Buffer {
  const entry = (name: string, type: string, content: Buffer): Buffer[] => {
    const header = Buffer.alloc(512);
    header.write(name.slice(0, 100), 0);
    header.write(content.length.toString(8).padStart(11, '0'), 124);
    header.write(`${type}ustar  `, 156);
    return [header, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  };
  const entries = Object.entries(files).flatMap(([name, content]) => [
    ...(name.length > 100 ? entry('././@LongLink', 'L', Buffer.from(`${name}\0`)) : []),
    ...entry(name, '0', Buffer.from(content)),
  ]);
  return Buffer.concat([...entries, Buffer.alloc(1_024)]);
}

describe('a packed chart', () => {
  const ask = '{{ lookup "v1" "Secret" "n" "a" }}';
  const plain = { 'c/Chart.yaml': 'name: c', 'c/README.md': ask, 'c/templates/a.yaml': 'a: 1' };

  it('that looks nothing up is left alone, and so is what is no archive', () => {
    expect(answeringChart(gzipSync(tar(plain)))).toBeUndefined();
    expect(answeringChart(gzipSync('lookup'))).toBeUndefined();
    expect(answeringChart(Buffer.from('lookup'))).toBeUndefined();
  });

  it('is copied with its answers, also in subcharts, packed ones and long names', () => {
    const long = `c/charts/${'d'.repeat(60)}/templates/${'e'.repeat(60)}.tpl`;
    const sub = gzipSync(tar({ 's/Chart.yaml': 'name: s', 's/templates/s.yaml': ask }));
    const files = { ...plain, [long]: ask, 'c/charts/s-1.tgz': sub, 'c/templates/last.yaml': 'é: 2' };
    const copy = gunzipSync(answeringChart(gzipSync(tar(files)))?.with(new Map([['k', 'v']])) ?? '');
    const text = copy.toString();
    expect(copy.length % 512).toBe(0);
    expect(text.match(/include "steward.lookup"/g)).toHaveLength(1);
    expect(text).toContain(ask);
    expect(text).toContain('é: 2');
    expect(text).toContain('c/templates/_steward-lookup.tpl');
    expect(text).toContain('{\\"k\\":\\"v\\"}');
    const at = copy.indexOf(Buffer.from([0x1f, 0x8b]));
    expect(gunzipSync(copy.subarray(at)).toString()).toContain('include "steward.lookup"');
  });

  it('may come from a machine that separates folders in another way', () => {
    const copy = answeringChart(gzipSync(tar({ 'c\\templates\\a.yaml': ask })))?.with(new Map()) ?? '';
    expect(gunzipSync(copy).toString()).not.toContain(ask);
  });

  it('that unpacks to more than anybody should is refused', () => {
    const bomb = gzipSync(Buffer.alloc(MAX_UNPACKED_CHART_BYTES + 1));
    expect(() => answeringChart(bomb)).toThrow(ChartTooLargeError);
  });
});
