// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from '../agent/reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  web = await fixture.publish({ chart: 'web' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

interface Rule {
  resources: string[];
}
interface RoleList {
  items: { metadata: { name: string }; rules: Rule[] }[];
}

describe('hooks of a way back', () => {
  it('run once, when the rights for them are there again', async () => {
    const { hub } = fixture;
    const hooks = await fixture.publish({ chart: 'hooks' });
    const where = await fixture.installed(hooks);
    const safe = await fixture.publish({
      chart: 'hooks',
      version: '1.1.0',
      change: (release) => void (release.upgrade = { deadlineSeconds: 25, settleSeconds: 0, rollback: 'safe' }),
    });
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: safe, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'roll-out' }, 60_000);
    await fixture.kubectl('delete', 'rolebindings', '--all', '-n', where.namespace);
    const waiting = await hub.reach(upgrade, { phase: 'roll-back', reason: 'missing-rights' }, 60_000);
    expect(waiting.message).toContain('jobs.batch: ');
    await fixture.grant(where.name, hooks);
    expect(await hub.end(upgrade)).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    const ran = fieldAt(await fixture.get('Operation', `op-${upgrade}`), ['status', 'hooks']);
    expect(ran).toContainEqual(expect.objectContaining({ event: 'pre-rollback', state: 'succeeded' }));
    expect(ran).toContainEqual(expect.objectContaining({ event: 'post-rollback', state: 'succeeded' }));
  });
});

describe('a rollout that cannot be watched any more', () => {
  it('says so, goes on when it can be again, and may be ended meanwhile', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(web);
    const parameters = { text: 'b', fault: 'unready' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: web, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'roll-out' });
    agent.kill();
    const list = JSON.parse(await fixture.kubectl('get', 'roles', '-n', where.namespace, '-o', 'json')) as RoleList;
    const withoutPods = ({ resources }: Rule): boolean => !resources.includes('pods');
    await fixture.apply(
      list.items.map(({ rules, ...role }) => ({
        ...role,
        metadata: { name: role.metadata.name, namespace: where.namespace },
        rules: rules.filter(withoutPods),
      })),
    );
    agent = await fixture.start();
    const says = (words: string): Promise<unknown> =>
      waitUntil(() => hub.last(upgrade)?.message.includes(words), { what: words, timeoutMs: 30_000 });
    await says('Pod cannot be watched');
    await fixture.grant(where.name, web);
    await says(`Deployment/${where.name}`);
    hub.cancel(upgrade, 'roll-back');
    expect(await hub.end(upgrade)).toMatchObject({ state: 'rolled-back', reason: 'cancelled' });
  });
});

describe.concurrent('what an older version left and no grant names any more', () => {
  it.each(['uninstall', 'leave'] as const)('stays, and does not hold up %s', async (kind) => {
    const { hub } = fixture;
    const older = await fixture.publish({ chart: 'password' });
    const newer = await fixture.publish({ chart: 'web', service: 'password', version: '1.1.0' });
    const where = await fixture.installed(older);
    await fixture.grant(where.name, newer);
    const want = { ...where, release: newer };
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade' });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const end = await hub.end(fixture.offer({ ...want, generation: 3, kind }), 120_000);
    expect(end.state).toBe('succeeded');
    expect(end.message).toMatch(
      kind === 'leave' ? /label secret \S+-auth steward\.dev/ : /--namespace \S+ delete secret \S+-auth/,
    );
    expect(await fixture.get('Secret', `${where.name}-auth`, where.namespace)).toBeDefined();
  });
});
