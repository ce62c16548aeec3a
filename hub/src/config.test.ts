import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from './config.ts';

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(loadConfig({})).toMatchObject({
      database: { kind: 'embedded' },
      listen: [{ host: '127.0.0.1', port: 8443 }],
      tls: { kind: 'self' },
      organization: { slug: 'vendor', name: 'Vendor' },
    });
  });

  it('reads every variable', () => {
    const config = loadConfig({
      STEWARD_DATABASE_URL: 'postgres://owner:secret@db:5432/steward',
      STEWARD_DATA_DIR: '/data',
      STEWARD_LISTEN: '0.0.0.0:8443, [::1]:9443',
      STEWARD_PUBLIC_URL: 'https://hub.example.com/',
      STEWARD_TLS: '/tls/hub.pem,/tls/hub.key',
      STEWARD_TRUSTED_PROXIES: '10.0.0.5, 10.1.0.0/16,fd00::/8',
      STEWARD_ORGANIZATION: 'acme:Acme: the corporation',
      STEWARD_OWNER_EMAIL: 'boss@acme.example',
      STEWARD_LOG_LEVEL: 'warn',
    });
    expect(config).toMatchObject({
      database: { kind: 'given' },
      dataDir: '/data',
      listen: [
        { host: '0.0.0.0', port: 8443 },
        { host: '::1', port: 9443 },
      ],
      publicUrl: 'https://hub.example.com',
      tls: { kind: 'files', certificate: '/tls/hub.pem', key: '/tls/hub.key' },
      trustedProxies: ['10.0.0.5', '10.1.0.0/16', 'fd00::/8'],
      organization: { slug: 'acme', name: 'Acme: the corporation' },
      ownerEmail: 'boss@acme.example',
      logLevel: 'warn',
    });
  });

  it('names all bad variables at once', () => {
    const problems = problemsOf({
      STEWARD_LISTEN: 'x',
      STEWARD_TLS: 'x',
      STEWARD_LOG_LEVEL: 'x',
      STEWARD_DATABASE_URL: 'x',
    });
    expect(problems.map((problem) => problem.split(':')[0] ?? '').toSorted()).toEqual([
      'STEWARD_DATABASE_URL',
      'STEWARD_LISTEN',
      'STEWARD_LOG_LEVEL',
      'STEWARD_TLS',
    ]);
  });

  it('names what a pattern refuses and what only a closer look finds in one go, each variable once', () => {
    const problems = problemsOf({
      STEWARD_LOG_LEVEL: 'loud',
      STEWARD_LISTEN: '127.0.0.1:70000',
      STEWARD_TRUSTED_PROXIES: 'everybody',
      STEWARD_ORGANIZATION: 'acme-',
      STEWARD_PUBLIC_URL: 'https://hub.example:99999',
      STEWARD_DATABASE_URL: 'not an address',
      STEWARD_DATABASE_APP_URL: 'postgres://a:p@h/d',
    });
    expect(problems.map((problem) => problem.split(/:| and /)[0] ?? '').toSorted()).toEqual([
      'STEWARD_DATABASE_APP_URL',
      'STEWARD_DATABASE_URL',
      'STEWARD_LISTEN',
      'STEWARD_LOG_LEVEL',
      'STEWARD_ORGANIZATION',
      'STEWARD_PUBLIC_URL',
      'STEWARD_TRUSTED_PROXIES',
    ]);
  });

  it.each([
    [{ STEWARD_LISTEN: '127.0.0.1:70000' }, 'above 65535'],
    [{ STEWARD_DATABASE_URL: 'postgres://o:p@h:99999/d' }, 'STEWARD_DATABASE_URL: expected postgres://'],
    [{ STEWARD_DATABASE_URL: 'postgres://o:p@h/d', STEWARD_DATABASE_APP_URL: 'postgres://a:p@h/d' }, 'both or neither'],
    [
      { STEWARD_DATABASE_APP_URL: 'postgres://a:p@h/d', STEWARD_DATABASE_SYSTEM_URL: 'postgres://s:p@h/d' },
      'needs STEWARD_DATABASE_URL',
    ],
    [{ STEWARD_ORGANIZATION: 'acme-' }, 'slug'],
    [{ STEWARD_TRUSTED_PROXIES: '10.0.0.5,everybody' }, '"everybody" is no address'],
    [{ STEWARD_TRUSTED_PROXIES: '10.0.0.0/64' }, 'no network'],
  ])('refuses %o', (environment, words) => {
    expect(problemsOf(environment).join()).toContain(words);
  });

  it('does not print secrets', () => {
    const config = loadConfig({ STEWARD_DATABASE_URL: 'postgres://owner:hidden@db/steward' });
    const printed = [
      JSON.stringify(config),
      inspect(config, { depth: 9 }),
      `${String(Object.values(config.database)[1])}`,
    ];
    expect(printed.filter((text) => text.includes('hidden'))).toEqual([]);
    expect(config.database.kind === 'given' && config.database.owner.reveal()).toBe(
      'postgres://owner:hidden@db/steward',
    );
  });
});
