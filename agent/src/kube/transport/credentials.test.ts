import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { inClusterEndpoint, kubeconfigEndpoint } from './credentials.ts';

const folder = mkdtempSync(join(tmpdir(), 'steward-credentials-'));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => void vi.useRealTimers());

function kubeconfig(user: object, cluster: object = {}): string {
  const path = join(folder, 'kubeconfig');
  const config = {
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
    clusters: [{ name: 'k', cluster: { server: 'https://kube.example:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  };
  writeFileSync(path, stringify(config));
  return path;
}

describe('a pod’s service account', () => {
  it('is read again, because the kubelet replaces its token', async () => {
    writeFileSync(join(folder, 'ca.crt'), 'CA');
    writeFileSync(join(folder, 'token'), 'first');
    vi.useFakeTimers({ now: 0 });
    const endpoint = inClusterEndpoint('10.0.0.1:443', folder);
    expect(endpoint.url.href).toBe('https://10.0.0.1/');
    expect(await endpoint.authorization()).toBe('Bearer first');
    writeFileSync(join(folder, 'token'), 'second');
    expect(await endpoint.authorization()).toBe('Bearer first');
    vi.setSystemTime(61_000);
    expect(await endpoint.authorization()).toBe('Bearer second');
  });

  it('is missed by name', () => {
    expect(() => inClusterEndpoint('10.0.0.1:443', '/nowhere')).toThrow('/nowhere/ca.crt cannot be read');
  });
});

describe('a kubeconfig', () => {
  it('gives a token, and certificates from files beside it or inline', async () => {
    writeFileSync(join(folder, 'client.crt'), 'CERT');
    const user = {
      token: 't',
      'client-certificate': 'client.crt',
      'client-key-data': Buffer.from('KEY').toString('base64'),
    };
    const endpoint = kubeconfigEndpoint(kubeconfig(user, { 'tls-server-name': 'inner' }));
    expect(endpoint.url.host).toBe('kube.example:6443');
    expect(String(endpoint.tls.cert) + String(endpoint.tls.key)).toBe('CERTKEY');
    expect(endpoint.tls.servername).toBe('inner');
    expect(endpoint.tls.rejectUnauthorized).toBeUndefined();
    expect(await endpoint.authorization()).toBe('Bearer t');
  });

  it('runs a credential plugin', async () => {
    const credential = { kind: 'ExecCredential', status: { token: 'from-plugin' } };
    const exec = { command: process.execPath, args: ['-p', JSON.stringify(JSON.stringify(credential))] };
    expect(await kubeconfigEndpoint(kubeconfig({ exec })).authorization()).toBe('Bearer from-plugin');
  });

  it.each([
    ['is not there', '/nowhere/kubeconfig', /\/nowhere\/kubeconfig cannot be read/],
    ['is something else', join(folder, 'ca.crt'), /is not a kubeconfig/],
  ])('that %s is named', (_name, path, expected) => {
    writeFileSync(join(folder, 'ca.crt'), 'CA');
    expect(() => kubeconfigEndpoint(path)).toThrow(expected);
  });
});
