import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { INSTALLATION_LABEL } from '@steward/shared';
import { ReconcileFixture, type Published } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
/** Needs no pods. */
let release: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  release = await fixture.publish({ chart: 'password' });
});
afterAll(() => fixture?.close());

interface Found {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; uid: string; labels: object; annotations?: object };
  data?: object;
  type?: string;
}

describe('an installation that a backup brought back with its status', () => {
  it('knows its objects by the uids that they have now, also where nothing is put right', async () => {
    const agent = await fixture.start();
    const where = await fixture.installed(release);
    await agent.stop();
    const labelled = ['secrets,configmaps', '-n', where.namespace, '-l', INSTALLATION_LABEL];
    const { items } = JSON.parse(await fixture.kubectl('get', ...labelled, '-o', 'json')) as { items: Found[] };
    expect(items.length).toBeGreaterThan(0);
    await fixture.kubectl('delete', ...labelled);
    for (const { metadata, apiVersion, kind, data, type } of items) {
      const { name, namespace, labels, annotations } = metadata;
      const made = {
        apiVersion,
        kind,
        metadata: { name, namespace, labels, annotations },
        data,
        ...(type && { type }),
      };
      await fixture.admin.create(made as Parameters<typeof fixture.admin.create>[0]);
    }
    const own = ['-n', fixture.namespace, '--type=merge', '-p'];
    const operations = (await fixture.kubectl('get', 'operations', '-n', fixture.namespace, '-o', 'name')).trim();
    for (const name of operations.split('\n'))
      await fixture.kubectl('patch', name, ...own, JSON.stringify({ spec: { home: 'another-place' } }));
    const failed = JSON.stringify({ status: { state: 'failed' } });
    await fixture.kubectl('patch', 'installation', where.name, ...own, failed, '--subresource=status');

    await fixture.start();
    const gone = fixture.offer({ ...where, generation: 2, release, kind: 'uninstall' });
    expect(await fixture.hub.end(gone)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.kubectl('get', ...labelled, '-o', 'name')).toBe('');
  });
});
