// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { HookWorld } from './hook-world.ts';
import type { Published, ReconcileFixture, RunningAgent, Where } from './reconcile-fixture.ts';

let world: HookWorld;
let fixture: ReconcileFixture;
let agent: RunningAgent;
let hooks: Published;

beforeAll(async () => {
  world = await HookWorld.open(inject('kubeconfig'));
  ({ fixture } = world);
  agent = await fixture.start();
  hooks = await fixture.publish({ chart: 'hooks' });
});
afterAll(async () => {
  await agent?.stop();
  await world?.close();
});

async function noMoreSteps(where: Where): Promise<void> {
  const pods = async (): Promise<string> => world.kubectl(where, 'get', 'pods', '-l', 'step=1', '-o', 'name');
  await waitUntil(async () => (await pods()).trim() === '', {
    what: 'the pods of the hook to be gone',
    timeoutMs: 20_000,
  });
}

describe.concurrent('hooks of a chart', () => {
  it('run before and after an install, each once, and what only an install makes stays', async () => {
    const where = await fixture.installed(hooks);
    expect(world.jobs(where)).toHaveLength(2);
    const password = await fixture.get('Secret', `${where.name}-auth`, where.namespace);
    const upgrade = fixture.offer({
      ...where,
      generation: 2,
      release: hooks,
      kind: 'upgrade',
      parameters: { text: 'b' },
    });
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(world.jobs(where)).toHaveLength(4);
    expect(await fixture.get('Secret', `${where.name}-auth`, where.namespace)).toMatchObject({
      metadata: { uid: password?.metadata.uid },
      data: password?.['data'],
    });
    const phases = fixture.hub.phases(upgrade);
    const order = ['approve', 'pre-hooks', 'apply', 'roll-out', 'post-hooks', 'done'].filter((phase) =>
      phases.includes(phase),
    );
    expect(order.filter((phase) => phase !== 'approve')).toEqual([
      'pre-hooks',
      'apply',
      'roll-out',
      'post-hooks',
      'done',
    ]);
    expect([...new Set(phases)].filter((phase) => order.includes(phase))).toEqual(order);
    // What is put right without an operation runs none.
    await world.kubectl(where, 'delete', 'configmap', where.name);
    const drift = async (): Promise<unknown> =>
      fieldAt(await fixture.get('Installation', where.name), ['status', 'drift', 'state']);
    const isRepaired = async (): Promise<boolean> =>
      (await drift()) === 'repaired' && (await world.text(where)) === 'b';
    await waitUntil(isRepaired, { what: 'it to be put right', timeoutMs: 20_000 });
    expect(world.jobs(where)).toHaveLength(4);
    expect(await fixture.get('ConfigMap', `${where.name}-script`, where.namespace)).toBeUndefined();
  });

  it('are in the plan, run in the order of their weights, and leave only their last run behind', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const upgrade = fixture.offer({
      ...where,
      generation: 2,
      release: hooks,
      kind: 'upgrade',
      parameters: { text: 'b' },
    });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const told = [...(hub.results.get(upgrade)?.values() ?? [])];
    const changes = told.flatMap(({ plan }) => plan?.changes ?? []);
    expect(changes).toContainEqual({
      action: 'create',
      object: `Job/${where.name}-step`,
      fields: ['pre-upgrade hook'],
    });
    const begun = told
      .filter(({ message, phase }) => phase === 'pre-hooks' && message.endsWith('begins'))
      .map(({ message }) => /hook (\S+)/.exec(message)?.[1]);
    expect(begun).toEqual([`ConfigMap/${where.name}-script`, `Pod/${where.name}-first`, `Job/${where.name}-step`]);
    const left = (await world.kubectl(where, 'get', 'jobs', '-o', 'name')).trim().split('\n');
    expect(left).toEqual([`job.batch/${world.jobs(where).at(-1)}`]);
    expect(await fixture.get('ConfigMap', `${where.name}-script`, where.namespace)).toBeUndefined();
    await waitUntil(() => hub.health[where.installationId]?.health === 'healthy', {
      what: 'healthy',
      timeoutMs: 20_000,
    });
  });

  it('that fail before anything was changed leave everything as it was, and the next push works', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const parameters = { text: 'b', end: '7' };
    const end = await hub.end(fixture.offer({ ...where, generation: 2, release: hooks, kind: 'upgrade', parameters }));
    expect(end).toMatchObject({ state: 'failed', reason: 'hook-failed' });
    expect(end.message).toContain(`pre-upgrade hook Job/${where.name}-step`);
    expect(end.message).toContain('exit code 7');
    expect(end.message).toContain('1.0.0 runs on');
    expect(await world.text(where)).toBe('a');
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 1 });
    const good = { text: 'c' };
    const next = fixture.offer({ ...where, generation: 3, release: hooks, kind: 'upgrade', parameters: good });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
    expect(await world.text(where)).toBe('c');
  });

  it('that have run hold a failed upgrade; going back is asked for, and runs the hooks of a rollback', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const bad = await fixture.publish({
      chart: 'hooks',
      version: '1.1.0',
      change: world.rule({ deadlineSeconds: 25 }),
    });
    const parameters = { text: 'b', fault: 'unready' };
    const end = await hub.end(fixture.offer({ ...where, generation: 2, release: bad, kind: 'upgrade', parameters }));
    expect(end).toMatchObject({ state: 'failed', reason: 'rollout-deadline' });
    expect(end.message).toContain(`steward rollback ${where.name} --to-generation 1`);
    expect(await world.text(where)).toBe('b');
    expect(hub.observed[where.installationId]).toMatchObject({
      state: 'failed',
      version: '1.1.0',
      observedGeneration: 1,
    });
    const before = world.jobs(where).length;
    const back = fixture.offer({ ...where, generation: 3, release: hooks, kind: 'rollback', toGeneration: 1 });
    const asked = await hub.reach(back, { state: 'awaiting-approval' });
    expect(asked.message).toContain('does not undo that');
    const [, command = ''] = /To approve this plan:\n([^]*?)\nTo reject/.exec(asked.message) ?? [];
    await fixture.paste(command);
    expect(await hub.end(back)).toMatchObject({ state: 'succeeded' });
    expect(await world.text(where)).toBe('a');
    expect(world.jobs(where)).toHaveLength(before + 2);
  });

  it('of an upgrade that was left as it is hold the corrected one too, whatever that says of its own', async () => {
    const { hub } = fixture;
    // Of its hooks only the Pod before an upgrade.
    const hook = 'post-delete';
    const where = await fixture.installed(hooks, { hook });
    const want = { ...where, kind: 'upgrade' as const };
    const [bad, corrected] = [
      await fixture.publish({ chart: 'hooks', version: '1.1.0' }),
      await fixture.publish({ chart: 'hooks', version: '1.1.1', change: world.rule({ rollback: 'safe' }) }),
    ];
    const parameters = { text: 'b', fault: 'unready', hook };
    const held = fixture.offer({ ...want, generation: 2, release: bad, parameters });
    await hub.reach(held, { phase: 'roll-out' });
    hub.cancel(held, 'hold');
    expect(await hub.end(held)).toMatchObject({ state: 'cancelled' });
    const next = fixture.offer({
      ...want,
      generation: 3,
      release: corrected,
      parameters: { ...parameters, text: 'c' },
    });
    await hub.reach(next, { phase: 'roll-out' });
    const told = [...(hub.results.get(next)?.values() ?? [])];
    expect(told.find(({ plan }) => plan)?.plan?.summary).toContain('If it fails it stays as it is');
    hub.cancel(next, 'roll-back');
    const end = await hub.end(next);
    expect(end).toMatchObject({ state: 'failed', reason: 'cancelled' });
    expect(end.message).toContain('(pre-upgrade) of generation 2 has run');
    expect(await world.text(where)).toBe('c');
  });

  it('that have run are gone back over by no upgrade either without a yes, and by none where going back is denied', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const want = { ...where, kind: 'upgrade' as const };
    const newer = await fixture.publish({ chart: 'hooks', version: '1.1.0' });
    expect(await hub.end(fixture.offer({ ...want, generation: 2, release: newer }))).toMatchObject({
      state: 'succeeded',
    });
    const older = fixture.offer({ ...want, generation: 3, release: hooks });
    const asked = await hub.reach(older, { state: 'awaiting-approval' });
    expect(asked.plan?.summary).toContain('going back to 1.0.0 does not undo that');
    await fixture.policy({ rules: { rollback: 'deny' }, installations: [where.name] }, `no-${where.name}`);
    expect(await hub.end(older)).toMatchObject({ state: 'denied', reason: 'denied-by-policy' });
    await fixture.kubectl('delete', 'supportpolicy', `no-${where.name}`, '-n', fixture.namespace);
    const again = fixture.offer({ ...want, generation: 4, release: hooks });
    const { message } = await hub.reach(again, { state: 'awaiting-approval' });
    const [, command = ''] = /To approve this plan:\n([^]*?)\nTo reject/.exec(message) ?? [];
    await fixture.paste(command);
    expect(await hub.end(again)).toMatchObject({ state: 'succeeded' });
    // What was said yes to is not asked again.
    const next = fixture.offer({ ...want, generation: 5, release: hooks, parameters: { text: 'c' } });
    expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
  });

  it('of a release that says so let a failed upgrade go back by itself', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    // Its hooks run inside the deadline too.
    const change = world.rule({ deadlineSeconds: 25, rollback: 'safe' });
    const safe = await fixture.publish({ chart: 'hooks', version: '1.1.0', change });
    const parameters = { text: 'b', fault: 'unready' };
    const end = await hub.end(fixture.offer({ ...where, generation: 2, release: safe, kind: 'upgrade', parameters }));
    expect(end).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    expect(await world.text(where)).toBe('a');
    // Two of the install, one before the upgrade, two of the way back.
    expect(world.jobs(where)).toHaveLength(5);
  });

  it('of a rollback that goes back are not taken for those of its way back', async () => {
    const { hub } = fixture;
    const safe = await fixture.publish({ chart: 'hooks', version: '1.1.0', change: world.rule({ rollback: 'safe' }) });
    const hook = 'post-rollback';
    const where = await fixture.installed(safe, { hook, end: '7' });
    const next = { ...where, generation: 2, release: safe, kind: 'upgrade', parameters: { hook, text: 'b' } } as const;
    expect(await hub.end(fixture.offer(next))).toMatchObject({ state: 'succeeded' });
    const back = fixture.offer({ ...where, generation: 3, release: safe, kind: 'rollback', toGeneration: 1 });
    expect(await hub.end(back)).toMatchObject({ state: 'rolled-back', reason: 'hook-failed' });
    expect(await world.text(where)).toBe('b');
    expect(world.jobs(where)).toHaveLength(2);
  });

  it('that do not come to an end are ended with the operation', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const hasty = await fixture.publish({
      chart: 'hooks',
      version: '1.1.0',
      change: world.rule({ deadlineSeconds: 10 }),
    });
    const parameters = { end: 'never' };
    const end = await hub.end(fixture.offer({ ...where, generation: 2, release: hasty, kind: 'upgrade', parameters }));
    expect(end).toMatchObject({ state: 'failed', reason: 'hook-failed' });
    expect(end.message).toContain('before the deadline');
    await noMoreSteps(where);
  });

  it('that go on when somebody deletes the Operation are ended within seconds, not at its next write', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const patient = await fixture.publish({
      chart: 'hooks',
      version: '1.1.0',
      change: world.rule({ deadlineSeconds: 600 }),
    });
    const parameters = { end: 'never' };
    const lost = fixture.offer({ ...where, generation: 2, release: patient, kind: 'upgrade', parameters });
    await waitUntil(() => world.jobs(where).length === 3, { what: 'the hook to be made', timeoutMs: 20_000 });
    await fixture.kubectl('delete', 'operation', `op-${lost}`, '-n', fixture.namespace, '--wait=false');
    expect(await hub.end(lost)).toMatchObject({ state: 'failed', reason: 'lost-track' });
    await noMoreSteps(where);
  });

  it('run before and after an uninstall, and leave nothing', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const gone = fixture.offer({ ...where, generation: 2, release: hooks, kind: 'uninstall' });
    expect(await hub.end(gone)).toMatchObject({ state: 'succeeded' });
    expect(world.jobs(where)).toHaveLength(4);
    const left = await world.kubectl(where, 'get', 'deployments,jobs,configmaps,secrets', '-o', 'name');
    expect(left.trim()).toBe('configmap/kube-root-ca.crt');
  });
});

/** A rule of the customer's: no Deployment of that namespace may be deleted. */
function keepDeployments(namespace: string): object[] {
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata: { name: `keep-${namespace}` } };
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  const rule = { apiGroups: ['apps'], apiVersions: ['v1'], operations: ['DELETE'], resources: ['deployments'] };
  const matchConstraints = { namespaceSelector, resourceRules: [rule] };
  const validations = [{ expression: 'false', message: 'it is to be kept' }];
  const binding = { policyName: `keep-${namespace}`, validationActions: ['Deny'] };
  return [
    { ...api, kind: 'ValidatingAdmissionPolicy', spec: { matchConstraints, validations } },
    { ...api, kind: 'ValidatingAdmissionPolicyBinding', spec: binding },
  ];
}

describe.concurrent('hooks before an uninstall', () => {
  it('that fail leave the service as it runs, and watched, and say how to do without them', async () => {
    const { hub } = fixture;
    const parameters = { hook: 'pre-delete', end: '7' };
    const where = await fixture.installed(hooks, parameters);
    const want = { ...where, release: hooks };
    const end = await hub.end(fixture.offer({ ...want, generation: 2, kind: 'uninstall' }));
    expect(end).toMatchObject({ state: 'failed', reason: 'hook-failed' });
    expect(end.message).toContain('Nothing else was changed: 1.0.0 runs on');
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 1 });
    // Its health is told as before; what would put it right at once is left out.
    await fixture.policy({ rules: { repair: 'deny' }, installations: [where.name] }, `no-${where.name}`);
    const path = '/spec/template/spec/containers/0/readinessProbe/httpGet/path';
    const patch = JSON.stringify([{ op: 'replace', path, value: '/missing' }]);
    await world.kubectl(where, 'patch', 'deployment', where.name, '--type=json', '-p', patch);
    await hub.healthOf(where, ({ health }) => health !== 'healthy', 20_000);
    const [, command = ''] = /without any hook.*: kubectl (.*)/.exec(end.message) ?? [];
    await fixture.kubectl(...command.split(' '));
    expect(await hub.end(fixture.offer({ ...want, generation: 3, kind: 'uninstall' }))).toMatchObject({
      state: 'succeeded',
    });
    expect(world.jobs(where)).toHaveLength(1);
  });

  it('end when it is cancelled, and what runs is kept as before', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks, { hook: 'pre-delete', end: 'never' });
    const cancelled = fixture.offer({ ...where, generation: 2, release: hooks, kind: 'uninstall' });
    await waitUntil(() => world.jobs(where).length === 1, { what: 'the hook to be made', timeoutMs: 20_000 });
    hub.cancel(cancelled, 'roll-back');
    const end = await hub.end(cancelled);
    expect(end).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
    expect(end.message).toMatch(
      /Job\/.* \(pre-delete\) was ended: .* not known. Nothing else was changed: 1.0.0 runs on/,
    );
    await noMoreSteps(where);
    await world.kubectl(where, 'patch', 'configmap', where.name, '-p', JSON.stringify({ data: { text: 'b' } }));
    const repaired = async (): Promise<boolean> => (await world.text(where)) === 'a';
    await waitUntil(repaired, { what: 'the text to be put right', timeoutMs: 20_000 });
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', version: '1.0.0' });
  });

  it('have the time of the release, and no more', async () => {
    const change = world.rule({ deadlineSeconds: 10 });
    const hasty = await fixture.publish({ chart: 'hooks', version: '1.1.0', change });
    const where = await fixture.installed(hasty, { hook: 'pre-delete', end: 'never' });
    const end = await fixture.hub.end(fixture.offer({ ...where, generation: 2, release: hasty, kind: 'uninstall' }));
    expect(end).toMatchObject({ state: 'failed', reason: 'hook-failed' });
    expect(end.message).toContain('before the deadline');
  });

  /** An installation whose uninstall came to nothing when some of it was gone already. */
  async function leftUnfinished(): Promise<Where> {
    const where = await fixture.installed(hooks, { hook: 'pre-delete' });
    const hold = async (kind: string, finalizers: string[]): Promise<void> => {
      const patch = JSON.stringify({ metadata: { finalizers } });
      await world.kubectl(where, 'patch', kind, where.name, '--type=merge', '-p', patch);
    };
    for (const kind of ['deployment', 'configmap']) await hold(kind, ['a.example/held']);
    const lost = fixture.offer({ ...where, release: hooks, generation: 2, kind: 'uninstall' });
    const message = `waiting until these are gone: Deployment/${where.name}`;
    await fixture.hub.reach(lost, { phase: 'roll-out', message });
    await fixture.kubectl('delete', 'operation', `op-${lost}`, '-n', fixture.namespace, '--wait=false');
    // That its object is gone is seen when it is written of.
    await hold('deployment', []);
    expect(await fixture.hub.end(lost)).toMatchObject({ state: 'failed', reason: 'lost-track' });
    await hold('configmap', []);
    return where;
  }

  it('are not run again by the next try of one that was left unfinished', async () => {
    const { hub } = fixture;
    const where = await leftUnfinished();
    const gone = fixture.offer({ ...where, release: hooks, generation: 3, kind: 'uninstall' });
    expect(await hub.end(gone)).toMatchObject({ state: 'succeeded' });
    const told = [...(hub.results.get(gone)?.values() ?? [])].flatMap(({ plan }) => plan?.changes ?? []);
    expect(told.filter(({ fields }) => fields?.includes('pre-delete hook'))).toEqual([]);
    expect(world.jobs(where)).toHaveLength(1);
  });

  it('run again when the cluster refused to let what runs go, which runs on until then', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks, { hook: 'pre-delete' });
    const { name, namespace } = where;
    const refuses = async (): Promise<boolean> =>
      world.kubectl(where, 'delete', 'deployment', name, '--dry-run=server').then(
        () => false,
        () => true,
      );
    await fixture.apply(keepDeployments(namespace));
    try {
      await waitUntil(refuses, { what: 'the rule to count', timeoutMs: 20_000 });
      const end = await hub.end(fixture.offer({ ...where, release: hooks, generation: 2, kind: 'uninstall' }));
      expect(end).toMatchObject({ state: 'failed', reason: 'apply-refused' });
      expect(end.message).toContain('Nothing else was changed: 1.0.0 runs on');
      const status = { state: 'running', version: '1.0.0' };
      expect(await fixture.get('Installation', name)).toMatchObject({ status });
    } finally {
      await fixture.kubectl(
        'delete',
        'validatingadmissionpolicybinding,validatingadmissionpolicy',
        `keep-${namespace}`,
      );
    }
    await waitUntil(async () => !(await refuses()), { what: 'the rule to count no more', timeoutMs: 20_000 });
    const gone = fixture.offer({ ...where, release: hooks, generation: 3, kind: 'uninstall' });
    expect(await hub.end(gone)).toMatchObject({ state: 'succeeded' });
    expect(world.jobs(where)).toHaveLength(2);
  });

  it('are due again when something was applied since one was left unfinished', async () => {
    const where = await leftUnfinished();
    const noted = async (): Promise<unknown> =>
      fieldAt(await fixture.get('Installation', where.name), ['status', 'removalOf']);
    expect(await noted()).toBeDefined();
    const parameters = { hook: 'pre-delete', end: '7' };
    const want = { ...where, release: hooks, parameters };
    const again = fixture.offer({ ...want, generation: 3, kind: 'upgrade' });
    expect(await fixture.hub.end(again)).toMatchObject({ state: 'succeeded' });
    expect(await noted()).toBeUndefined();
  });
});

describe.concurrent('an operation that is cancelled under way', () => {
  it('goes back when that is asked for, and stays where it is when it is to hold', async () => {
    const { hub } = fixture;
    const web = await fixture.publish({ chart: 'web' });
    for (const [ifUnderWay, state, shown] of [
      ['roll-back', 'rolled-back', 'a'],
      ['hold', 'cancelled', 'b'],
    ] as const) {
      const where = fixture.installation();
      await fixture.grant(where.name, web);
      const want = { ...where, release: web };
      await hub.end(fixture.offer({ ...want, generation: 1, kind: 'install', parameters: { text: 'a' } }));
      const parameters = { text: 'b', fault: 'unready' };
      const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters });
      await hub.reach(upgrade, { phase: 'roll-out' });
      hub.cancel(upgrade);
      hub.cancel(upgrade, ifUnderWay);
      expect(await hub.end(upgrade)).toMatchObject({ state, reason: 'cancelled' });
      expect(await world.text(where)).toBe(shown);
      const next = fixture.offer({ ...want, generation: 3, kind: 'upgrade', parameters: { text: 'c' } });
      expect(await hub.end(next)).toMatchObject({ state: 'succeeded' });
    }
  });

  it('in a hook ends the hook, and changes nothing else', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    const parameters = { end: 'never', text: 'b' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: hooks, kind: 'upgrade', parameters });
    await waitUntil(() => world.jobs(where).length === 3, { what: 'the hook to be made', timeoutMs: 20_000 });
    hub.cancel(upgrade, 'roll-back');
    expect(await hub.end(upgrade)).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
    expect(await world.text(where)).toBe('a');
    await noMoreSteps(where);
  });
});
