import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let keys: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow' } });
  agent = await fixture.start();
  keys = await fixture.publish({ chart: 'keys' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

async function deploy(
  where: Where,
  generation: number,
  release: Published,
  parameters: string | { text: string; store: boolean },
): Promise<unknown> {
  const kind = generation === 1 ? 'install' : 'upgrade';
  const given = typeof parameters === 'string' ? { text: parameters } : parameters;
  return fixture.hub.end(fixture.offer({ ...where, generation, release, kind, parameters: given }));
}

interface Made {
  password: unknown;
  tls: unknown;
  pods: string;
}

async function made({ name }: Where): Promise<Made> {
  const [auth, tls] = await Promise.all(['auth', 'tls'].map((end) => fixture.get('Secret', `${name}-${end}`, name)));
  const pods = await fixture.kubectl('get', 'pods', '-n', name, '-o', 'jsonpath={.items[*].metadata.uid}');
  return { password: fieldAt(auth, ['data', 'password']), tls: tls?.['data'], pods };
}

describe.concurrent('a chart that makes up passwords and certificates', () => {
  it('keeps them over two upgrades, restarts no pod for them, and changes what does change', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, keys);
    expect(await deploy(where, 1, keys, 'one')).toMatchObject({ state: 'succeeded' });
    const first = await made(where);
    expect(first.password).toEqual(expect.stringMatching(/^\S{40,}$/));
    const next = await fixture.publish({ chart: 'keys', version: '1.1.0' });
    for (const [generation, release] of [
      [2, keys],
      [3, next],
    ] as const) {
      const text = `text ${generation}`;
      expect(await deploy(where, generation, release, text)).toMatchObject({ state: 'succeeded' });
      expect(await made(where)).toEqual(first);
      const auth = await fixture.get('Secret', `${where.name}-auth`, where.name);
      expect(auth).toMatchObject({ data: { user: Buffer.from(text).toString('base64') } });
    }
  });

  it('keeps those of a first install that failed: a database may have been made with them', async () => {
    const hasty = await fixture.publish({
      chart: 'keys',
      change: (release) => (release.upgrade = { deadlineSeconds: 10, settleSeconds: 0 }),
    });
    const where = fixture.installation();
    await fixture.grant(where.name, hasty);
    expect(await deploy(where, 1, hasty, 'unready')).toMatchObject({ state: 'failed' });
    const { password, tls } = await made(where);
    expect(await deploy(where, 2, keys, 'ready')).toMatchObject({ state: 'succeeded' });
    expect(await made(where)).toMatchObject({ password, tls });
  });

  it('keeps those of a version that was gone back from where their Secret says that it is to stay', async () => {
    const name = '${installation}-store';
    const hasty = await fixture.publish({
      chart: 'keys',
      change: (release) => {
        release.upgrade = { deadlineSeconds: 10, settleSeconds: 0 };
        release.generateOnce?.push({ kind: 'Secret', name });
        release.permissions.find(({ kind }) => kind === 'Secret')?.names?.push(name);
      },
    });
    const where = fixture.installation();
    const stored = async (): Promise<unknown> =>
      fieldAt(await fixture.get('Secret', `${where.name}-store`, where.name), ['data', 'password']);
    await fixture.grant(where.name, hasty);
    expect(await deploy(where, 1, hasty, { text: 'one', store: false })).toMatchObject({ state: 'succeeded' });
    expect(await stored()).toBeUndefined();
    expect(await deploy(where, 2, hasty, { text: 'unready', store: true })).toMatchObject({ state: 'rolled-back' });
    const password = await stored();
    expect(password).toEqual(expect.stringMatching(/^\S{40,}$/));
    expect(await deploy(where, 3, hasty, { text: 'three', store: false })).toMatchObject({ state: 'succeeded' });
    expect(await deploy(where, 4, hasty, { text: 'four', store: true })).toMatchObject({ state: 'succeeded' });
    expect(await stored()).toBe(password);
  });

  it('keeps them when the stored set of the last good generation is gone', async () => {
    const where = fixture.installation();
    await fixture.grant(where.name, keys);
    expect(await deploy(where, 1, keys, 'one')).toMatchObject({ state: 'succeeded' });
    const first = await made(where);
    await fixture.kubectl('delete', 'secret', `render-${where.name}-g1`, '-n', fixture.namespace);
    expect(await deploy(where, 2, keys, 'two')).toMatchObject({ state: 'succeeded' });
    expect(await made(where)).toEqual(first);
  });
});
