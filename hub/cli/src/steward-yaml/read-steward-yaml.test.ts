import { describe, expect, it } from 'vitest';
import { Findings } from '../findings/finding.ts';
import { readStewardYaml } from './read-steward-yaml.ts';

function read(text: string): { findings: Findings; result: ReturnType<typeof readStewardYaml> } {
  const findings = new Findings();
  return { result: readStewardYaml(text, findings), findings };
}

describe('reading steward.yaml', () => {
  it('takes a full one', () => {
    const { findings, result } = read(`
display: { name: NATS, summary: Messages }
parameters: { basic: [replicas], allow: [storage.size] }
knobs:
  - { name: redundancy, path: replicas, options: [1, 3, 5] }
probes:
  - { name: ready, service: "\${installation}", port: 8222, path: /healthz }
upgrade: { from: ">=2.14.0", deadlineSeconds: 900 }
exceptions: { capabilities: [NET_BIND_SERVICE] }
`);
    expect(findings.items).toEqual([]);
    expect(result?.yaml.knobs?.[0]?.name).toBe('redundancy');
  });

  it('takes an empty one', () => {
    expect(read('').result?.yaml).toEqual({});
  });

  it('shows where an unknown field stands, and which there are', () => {
    const { findings, result } = read('display:\n  name: NATS\n  sumary: x\n');
    expect(result).toBeUndefined();
    expect(findings.items).toEqual([
      {
        severity: 'error',
        code: 'unknown-field',
        message: '"sumary" is not a field of display',
        action: 'There are: name, summary, notes.',
        place: { file: 'steward.yaml', line: 3, column: 3 },
      },
    ]);
  });

  it('shows where broken YAML breaks', () => {
    const { findings } = read('display:\n  name: [NATS\n');
    expect(findings.items[0]).toMatchObject({ code: 'yaml', place: { file: 'steward.yaml', line: 3 } });
  });

  it.each([
    ['knobs:\n  - name: a\n    path: b\n', 'has no bounds', 2],
    ['knobs:\n  - { name: a, path: b, minimum: 5, maximum: 1 }\n', 'minimum is above maximum', 2],
    ['knobs:\n  - { name: a, path: b, options: [1] }\n  - { name: a, path: c, options: [1] }\n', 'two knobs "a"', 3],
    ['\nupgrade:\n  from: soon\n', '"soon" is not a range of versions', 3],
    ['parameters:\n  basic: [a, b, c, d, e, f]\n', 'must NOT have more than 5 items', 2],
    ['drift:\n  mode: sometimes\n', 'drift.mode must be equal to one of', 2],
    ['drift:\n  ignore:\n    - { kind: Secret, fields: ["a["] }\n', 'drift.ignore: "a[" is not the path of a field', 3],
    ['upgrade:\n  deadlineSeconds: 1\n', 'upgrade.deadlineSeconds must be >= 10', 2],
  ])('refuses %j', (text, message, line) => {
    const { findings } = read(text);
    expect(findings.items).toHaveLength(1);
    expect(findings.items[0]).toMatchObject({ message: expect.stringContaining(message), place: { line } });
  });
});
