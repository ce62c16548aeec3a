import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let roles: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  roles = await fixture.publish({ chart: 'roles' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

/** What the chart's own service account may do. */
const may = (name: string, ...words: string[]): Promise<string> =>
  fixture
    .kubectl('auth', 'can-i', ...words, '-n', name, `--as=system:serviceaccount:${name}:${name}`)
    .then((said) => said.trim())
    .catch(() => 'no');

describe.concurrent('a chart with Roles of its own', () => {
  it('gives its pods what the release has signed, and takes it away again', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    await fixture.grant(where.name, roles);
    const want = { ...where, release: roles };
    const install = fixture.offer({ ...want, generation: 1, kind: 'install' });
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    expect(await may(where.name, 'update', 'leases.coordination.k8s.io')).toBe('yes');
    expect(await may(where.name, 'get', 'pods', '--subresource=log')).toBe('yes');
    expect(await may(where.name, 'get', `configmap/${where.name}`)).toBe('yes');
    expect(await may(where.name, 'get', 'configmap/other')).toBe('no');
    const removal = fixture.offer({ ...want, generation: 2, kind: 'uninstall' });
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    expect(await may(where.name, 'update', 'leases.coordination.k8s.io')).toBe('no');
  });

  it('gives nothing that the agent does not have itself, and says what that is', async () => {
    const less = await fixture.publish({
      chart: 'roles',
      change: (release) => {
        release.permissions = release.permissions.filter(({ resource }) => resource !== 'leases');
      },
    });
    const where = fixture.installation();
    await fixture.grant(where.name, less);
    const end = await fixture.hub.end(fixture.offer({ ...where, release: less, generation: 1, kind: 'install' }));
    expect(end).toMatchObject({ state: 'failed', reason: 'kind-not-permitted' });
    expect(end.message).toContain(`Role/${where.name} would give rights that the agent does not have itself`);
    expect(end.message).toContain('coordination.k8s.io');
    expect(await fixture.get('ServiceAccount', where.name, where.name)).toBeUndefined();
  });

  it('gives nothing to anybody outside its namespace, whatever the hub sets', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, roles);
    const alsoFor = [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }];
    const want = { ...where, release: roles, generation: 1, kind: 'install', parameters: { alsoFor } } as const;
    const end = await fixture.hub.end(fixture.offer(want));
    expect(end).toMatchObject({ state: 'failed', reason: 'kind-not-permitted' });
    expect(end.message).toContain('ServiceAccount/default, which is no service account');
  });
});
