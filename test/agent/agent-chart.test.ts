import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import {
  agentManifest,
  customResourceDefinitions,
  generateReleaseKey,
  manifestYaml,
  type AgentManifestInput,
  type KubeManifest,
} from '@steward/shared';
import { buildProgram } from '../cluster/programs/programs.ts';
import { command, mustSucceed } from '../support/command.ts';

const chart = join(import.meta.dirname, '../../deploy/agent');
const input: AgentManifestInput & { enrolmentToken: string } = {
  organization: 'acme',
  hubUrl: 'https://hub.example:8443',
  hubCaPem: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  releaseKeys: [generateReleaseKey().key, generateReleaseKey().key],
  enrolmentToken: 'a-token-that-is-long-enough',
  image: 'registry.example/agent@sha256:0000',
};
const values = {
  organization: input.organization,
  hubUrl: input.hubUrl,
  hubCaPem: input.hubCaPem,
  releaseKeys: input.releaseKeys,
  token: input.enrolmentToken,
  image: input.image,
};

async function render(changed: object = {}, namespace = 'steward-acme'): Promise<KubeManifest[]> {
  const args = ['template', 'steward-agent', chart, '-n', namespace, '--include-crds', '-f', '-'];
  const output = await mustSucceed(await buildProgram('helm'), args, { input: stringify({ ...values, ...changed }) });
  return parseAllDocuments(output).flatMap((document) => (document.toJS() as KubeManifest | null) ?? []);
}

/** By kind, name and namespace, without what each way of installing has for itself. */
function comparable(objects: KubeManifest[]): Map<string, unknown> {
  return new Map(
    objects
      // Helm makes the namespace itself.
      .filter(({ kind }) => kind !== 'Namespace')
      .map((object) => {
        const { kind, metadata } = object;
        const text = JSON.stringify(object)
          .replace(/"steward\.dev\/config":"sha256:[0-9a-f]{64}"/, '"steward.dev/config":"…"')
          .replace(/"release-keys\.json":"((?:[^"\\]|\\.)*)"/, (_match, json: string) => {
            const keys = JSON.parse(JSON.parse(`"${json}"`) as string) as { fingerprint: string; publicKey: string }[];
            return `"release-keys.json":${JSON.stringify(keys.map(({ fingerprint, publicKey }) => [fingerprint, publicKey]))}`;
          });
        return [`${kind} ${metadata.namespace ?? ''}/${metadata.name}`, JSON.parse(text) as unknown] as const;
      })
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

describe('the Helm chart of the agent', () => {
  it('renders the objects of the install line', async () => {
    expect(comparable(await render())).toEqual(comparable(agentManifest(input)));
  });

  it('leaves out the token, the authority and the proxy where the install line does', async () => {
    const { hubCaPem: _ca, enrolmentToken: _token, ...bare } = input;
    const rendered = await render({ token: '', hubCaPem: '' });
    expect(comparable(rendered)).toEqual(comparable(agentManifest(bare)));
    const proxy = { httpsProxy: 'http://proxy:3128', noProxy: '10.0.0.0/8' };
    expect(comparable(await render({ proxy }))).toEqual(comparable(agentManifest({ ...input, proxy })));
  });

  it('holds the definitions as they are in code', () => {
    for (const crd of customResourceDefinitions()) {
      const { names } = crd['spec'] as { names: { plural: string } };
      expect(readFileSync(join(chart, `crds/${names.plural}.yaml`), 'utf8')).toBe(manifestYaml([crd]));
    }
  });

  it('pulls the agent with the Secrets that are named', async () => {
    const deployment = (await render({ imagePullSecrets: ['one'] })).find(({ kind }) => kind === 'Deployment');
    expect(deployment).toMatchObject({ spec: { template: { spec: { imagePullSecrets: [{ name: 'one' }] } } } });
  });

  it.each([
    ['another namespace', ['-n', 'default'], {}, /install it into the namespace steward-acme/],
    ['an address that is not encrypted', ['-n', 'steward-acme'], { hubUrl: 'http://hub.example' }, /hubUrl/],
    ['a value it does not know', ['-n', 'steward-acme'], { clusterAdmin: true }, /clusterAdmin/],
  ])('refuses %s', async (_name, args, changed, expected) => {
    const helm = await buildProgram('helm');
    const options = { input: stringify({ ...values, ...changed }) };
    const { code, stderr } = await command(helm, ['template', 'x', chart, ...args, '-f', '-'], options);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(expected);
  });
});
