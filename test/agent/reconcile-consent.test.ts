import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';
import type { Want } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let release: Published;
let where: Where;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  agent = await fixture.start();
  release = await fixture.publish({ chart: 'password' });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});
beforeEach(async () => {
  where = await fixture.installed(release);
});
afterEach(async () => {
  await fixture.kubectl('delete', 'supportpolicies', '--all', '-n', fixture.namespace);
});

function upgrade(change: Partial<Want> = {}): string {
  return fixture.offer({ ...where, generation: 2, release, kind: 'upgrade', parameters: { text: 'b' }, ...change });
}

async function text(): Promise<unknown> {
  const map = await fixture.get('ConfigMap', where.name, where.namespace);
  const data = map?.['data'] as Record<string, unknown> | undefined;
  return data?.['text'];
}

/** The commands in a message, ready to be pasted. */
function commandsIn(message: string): { approve: string; reject: string } {
  const [approve = '', reject = ''] = message.match(/kubectl create[\s\S]*?\nEOF/g) ?? [];
  return { approve, reject };
}

async function asked(operation: string): Promise<{ approve: string; reject: string }> {
  const { message } = await fixture.hub.reach(operation, { state: 'awaiting-approval' });
  return commandsIn(message);
}

describe('without a policy', () => {
  it('an install needs nothing but the grant, an upgrade waits for a yes, given by the command in its message', async () => {
    const operation = upgrade();
    const commands = await asked(operation);
    const waiting = fixture.hub.last(operation);
    expect(waiting).toMatchObject({ phase: 'approve', plan: { changes: expect.any(Array) } });
    expect(await text()).toBe('hello');
    await fixture.paste(commands.approve);
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
    expect(await text()).toBe('b');
    const { status } = (await fixture.get('Operation', `op-${operation}`)) as { status?: unknown };
    expect(status).toMatchObject({ approval: { approver: expect.any(String), planDigest: waiting?.plan?.digest } });
  });

  it('an upgrade ends by a no', async () => {
    const operation = upgrade();
    await fixture.paste((await asked(operation)).reject);
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'denied', reason: 'approval-rejected' });
    expect(await text()).toBe('hello');
    expect(fixture.hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 1 });
  });

  it('an uninstall is denied', async () => {
    const operation = fixture.offer({ ...where, generation: 2, release, kind: 'uninstall' });
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'denied', reason: 'denied-by-policy' });
  });

  it('an upgrade is asked for also when the hub calls it an install', async () => {
    const operation = upgrade({ kind: 'install' });
    await fixture.hub.reach(operation, { state: 'awaiting-approval' });
  });
});

describe('an operation that waits for an approval', () => {
  it('ends when somebody deletes its object', async () => {
    const operation = upgrade();
    await fixture.hub.reach(operation, { state: 'awaiting-approval' });
    await fixture.kubectl('delete', 'operation', `op-${operation}`, '--namespace', fixture.namespace, '--wait=false');
    const message = expect.stringContaining('somebody deleted its Operation object');
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'cancelled', message });
  });
});

describe('an approval', () => {
  it('counts only for the plan that was shown: another one is asked for again', async () => {
    const operation = upgrade();
    const { approve } = await asked(operation);
    await fixture.kubectl('delete', 'configmap', where.name, '-n', where.namespace);
    await fixture.paste(approve);
    const changed = await fixture.hub.reach(operation, { reason: 'plan-changed' });
    expect(changed).toMatchObject({ state: 'awaiting-approval', plan: { changes: expect.any(Array) } });
    // The same approval again, under another name, does not count: it is for the old plan.
    await fixture.paste(approve);
    await fixture.paste(commandsIn(changed.message).approve);
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
    expect(await text()).toBe('b');
  });

  it('cannot be given in the name of somebody else, nor changed', async () => {
    const operation = upgrade();
    const { approve } = await asked(operation);
    const forged = approve.replace(/approver: .*\n.*/, 'approver: somebody@else.example');
    await expect(fixture.paste(forged)).rejects.toThrow('spec.approver must be you');
    await fixture.paste(approve.replace(/planDigest: sha256:./, 'planDigest: sha256:x'));
    const patch = JSON.stringify({ spec: { planDigest: 'sha256:y' } });
    const names = await fixture.kubectl('get', 'operationapprovals', '-n', fixture.namespace, '-o', 'name');
    const name = names.trim().split('\n').at(-1) ?? '';
    const change = fixture.kubectl('patch', name, '-n', fixture.namespace, '--type=merge', '-p', patch);
    await expect(change).rejects.toThrow('cannot be changed');
  });

  it('of another operation, or one that has expired, does not count', async () => {
    const operation = upgrade();
    const { approve } = await asked(operation);
    await fixture.paste(approve.replace(/expiresAt: ".*"/, 'expiresAt: "2020-01-01T00:00:00Z"'));
    await fixture.paste(approve.replace(/operationUid: .*/, 'operationUid: 00000000-0000-4000-8000-000000000000'));
    const cancelled = upgrade({ generation: 3 });
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'cancelled', reason: 'superseded' });
    await fixture.hub.reach(cancelled, { state: 'awaiting-approval' });
    expect(await text()).toBe('hello');
  });

  it('survives the agent: given while it was away, it counts when it is back', { tags: ['one-try'] }, async () => {
    const operation = upgrade();
    const { approve } = await asked(operation);
    agent.kill();
    await fixture.paste(approve);
    agent = await fixture.start();
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
    expect(fixture.hub.contradictions).toEqual([]);
  });
});

describe('a policy', () => {
  it('that is frozen denies, whatever its rules say', async () => {
    await fixture.policy({ rules: { upgrade: 'allow' }, freeze: true });
    expect(await fixture.hub.end(upgrade())).toMatchObject({ state: 'denied', reason: 'frozen' });
    await fixture.policy({ rules: { upgrade: 'allow' }, freeze: false });
    expect(await fixture.hub.end(upgrade({ generation: 3 }))).toMatchObject({ state: 'succeeded' });
  });

  it('that changes to allow lets what waits go on, one that changes to deny ends it', async () => {
    const first = upgrade();
    await asked(first);
    await fixture.policy({ rules: { upgrade: 'allow' } });
    expect(await fixture.hub.end(first)).toMatchObject({ state: 'succeeded' });
    await fixture.policy({ rules: { upgrade: 'ask' } });
    const second = upgrade({ generation: 3, parameters: { text: 'c' } });
    await asked(second);
    await fixture.policy({ rules: { upgrade: 'deny' } });
    expect(await fixture.hub.end(second)).toMatchObject({ state: 'denied' });
  });

  it('of which there are several counts by the strictest, and only for its installations', async () => {
    await fixture.policy({ rules: { upgrade: 'deny' }, installations: ['another'] }, 'others');
    await fixture.policy({ rules: { upgrade: 'allow' } }, 'all');
    expect(await fixture.hub.end(upgrade())).toMatchObject({ state: 'succeeded' });
    await fixture.policy({ rules: { upgrade: 'ask' }, installations: [where.name] }, 'mine');
    await asked(upgrade({ generation: 3 }));
  });
});

describe('an operation that has changed nothing yet', () => {
  it('can be cancelled, and gives way to a newer generation', async () => {
    const first = upgrade();
    await asked(first);
    fixture.hub.cancel(first);
    expect(await fixture.hub.end(first)).toMatchObject({ state: 'cancelled', reason: 'cancelled' });
    const second = upgrade({ generation: 3 });
    await asked(second);
    const third = upgrade({ generation: 4 });
    expect(await fixture.hub.end(second)).toMatchObject({ state: 'cancelled', reason: 'superseded' });
    await fixture.paste((await asked(third)).approve);
    expect(await fixture.hub.end(third)).toMatchObject({ state: 'succeeded' });
  });

  it('ends when its time to be started is over', async () => {
    const late = upgrade({ notAfter: new Date(Date.now() - 5_000) });
    expect(await fixture.hub.end(late)).toMatchObject({ state: 'expired', reason: 'expired' });
    const soon = upgrade({ generation: 3, notAfter: new Date(Date.now() + 3_000) });
    await asked(soon);
    expect(await fixture.hub.end(soon)).toMatchObject({ state: 'expired', reason: 'expired' });
    await waitUntil(() => fixture.hub.agrees(), { what: 'both sides to agree' });
  });

  it('waits for rights that are missing, names each, and goes on by itself when they are granted', async () => {
    const ungranted = fixture.installation();
    const web = await fixture.publish({ chart: 'web' });
    const operation = fixture.offer({ ...ungranted, generation: 1, release: web, kind: 'install' });
    const waiting = await fixture.hub.reach(operation, { reason: 'missing-rights' });
    expect(waiting).toMatchObject({ state: 'accepted', phase: 'verify' });
    expect(waiting.message).toMatch(/\n {2}deployments\.apps: get, list, watch, create, patch, delete\n/);
    await fixture.grant(ungranted.name, web);
    expect(await fixture.hub.end(operation)).toMatchObject({ state: 'succeeded' });
  });
});
