import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let release: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow' } });
  agent = await fixture.start();
  release = await fixture.publish({ chart: 'lookup' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

async function deploy(where: Where, generation: number, parameters: object = {}): Promise<ResultRecord> {
  const kind = generation === 1 ? 'install' : 'upgrade';
  return fixture.hub.end(fixture.offer({ ...where, release, generation, kind, parameters: { ...parameters } }));
}

async function fieldOf(kind: string, name: string, { namespace }: Where, field: string): Promise<unknown> {
  return fieldAt(await fixture.get(kind, name, namespace), ['data', field]);
}

it('a release asks for the right to read what its chart looks up, and for no more', () => {
  const found = release.release.permissions.map(({ kind, verbs, names }) => [kind, verbs.join(), names]);
  expect(found).toEqual(
    expect.arrayContaining([
      ['Secret', 'get,create,patch,delete', ['${installation}-auth', '${installation}-once']],
      ['Endpoints', 'get', undefined],
    ]),
  );
});

describe.concurrent('a chart that looks things up', () => {
  it('keeps its password over two upgrades, and sees what the customer has made', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    expect(await deploy(where, 1)).toMatchObject({ state: 'succeeded' });
    const secret = `${where.name}-auth`;
    const password = await fieldOf('Secret', secret, where, 'password');
    const token = await fieldOf('Secret', `${where.name}-once`, where, 'token');
    expect(token).toBeDefined();
    expect(Buffer.from(String(password), 'base64').toString()).toMatch(/^\w{24}$/);
    expect(await fieldOf('ConfigMap', where.name, where, 'theirs')).toBe('nothing');
    const metadata = { name: 'theirs', namespace: where.name, labels: { say: 'something' } };
    await fixture.apply([{ apiVersion: 'v1', kind: 'Endpoints', metadata }]);
    for (const generation of [2, 3]) {
      const text = `text ${generation}`;
      expect(await deploy(where, generation, { text })).toMatchObject({ state: 'succeeded' });
      expect(await fieldOf('Secret', secret, where, 'text')).toBe(Buffer.from(text).toString('base64'));
      expect(await fieldOf('Secret', secret, where, 'password')).toBe(password);
    }
    expect(await fieldOf('ConfigMap', where.name, where, 'theirs')).toBe('something');
    expect(await fieldOf('ConfigMap', where.name, where, 'root')).toBe('there');
    expect(await fieldOf('Secret', `${where.name}-once`, where, 'token')).toBe(token);
  });

  it('reads nothing that the release does not name, and says what it would have to permit', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    const told = await deploy(where, 1, { peek: 'other' });
    expect(told).toMatchObject({ state: 'failed', reason: 'kind-not-permitted' });
    expect(told.message).toContain(`Secret/other in namespace ${where.name}`);
    expect(told.message).toContain('would have to permit "get" of Secret (core) of the name other');
    const elsewhere = await deploy(where, 2, { peek: `${where.name}-auth`, peekIn: fixture.namespace });
    expect(elsewhere).toMatchObject({ state: 'failed', reason: 'kind-not-permitted' });
    expect(elsewhere.message).toContain(`Only what lies in the installation's own namespace, ${where.name}`);
    expect(await fixture.get('ConfigMap', where.name, where.name)).toBeUndefined();
  });

  it('is not heard by anybody when it has read a Secret', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, release);
    expect(await deploy(where, 1)).toMatchObject({ state: 'succeeded' });
    const told = await deploy(where, 2, { tell: true });
    expect(told).toMatchObject({ state: 'failed', reason: 'render-failed' });
    expect(told.message).toContain('lookup/templates/auth.yaml:5:');
    expect(told.message).not.toContain('it is');
  });
});
