import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { generateReleaseKey } from '@steward/shared';
import { readConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'steward-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

const key = generateReleaseKey().key;
const files = {
  organization: 'acme\n',
  'hub-url': 'https://hub.example:8443',
  'release-keys.json': JSON.stringify([key]),
  token: 'a-token-that-is-long-enough\n',
};
for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
const env = {
  STEWARD_CONFIG_DIR: folder,
  STEWARD_ENROLMENT_DIR: folder,
  STEWARD_NAMESPACE: 'steward-acme',
  HOSTNAME: 'steward-agent-1',
  KUBERNETES_SERVICE_HOST: 'fd00::1',
  KUBERNETES_SERVICE_PORT: '6443',
};

describe('settings', () => {
  it('come from the mounted files and the pod’s environment', () => {
    const config = readConfig(env);
    expect(config).toMatchObject({
      ok: true,
      value: {
        organization: 'acme',
        releaseKeys: [key],
        fieldManager: 'steward-acme',
        replica: 'steward-agent-1',
        kubeAddress: '[fd00::1]:6443',
        hubCaPem: undefined,
      },
    });
  });

  it('are all reported at once when they are wrong', () => {
    const config = readConfig({
      ...env,
      STEWARD_NAMESPACE: 'No',
      STEWARD_RELEASE_KEYS: 'none',
      STEWARD_HEALTH_PORT: 'x',
    });
    expect(config.ok).toBe(false);
    if (!config.ok) expect(config.error).toMatch(/namespace: .*; release-keys\.json: .*; healthPort: /);
  });

  it('refuse an address that would send tokens in clear, but for loopback', () => {
    expect(readConfig({ ...env, STEWARD_HUB_URL: 'http://hub.example' })).toMatchObject({ ok: false });
    expect(readConfig({ ...env, STEWARD_HUB_URL: 'http://127.0.0.1:8080' })).toMatchObject({ ok: true });
  });

  it('hold the token so that it does not print, and read it anew', () => {
    const config = readConfig(env);
    if (!config.ok) throw new Error(config.error);
    const token = config.value.enrolmentToken();
    expect([String(token), JSON.stringify({ token }), inspect(token)].join()).not.toContain('long-enough');
    expect(token?.reveal()).toBe('a-token-that-is-long-enough');
    writeFileSync(join(folder, 'token'), 'another-token-that-is-long');
    expect(config.value.enrolmentToken()?.reveal()).toBe('another-token-that-is-long');
    rmSync(join(folder, 'token'));
    expect(config.value.enrolmentToken()).toBeUndefined();
  });
});
