// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { HookEvent } from '@steward/shared';
import { fieldAt } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { HookWorld } from '../agent/hook-world.ts';
import type { Death } from '../agent/killable-client.ts';
import type { Published, ReconcileFixture, RunningAgent } from '../agent/reconcile-fixture.ts';
import { desiredState, type Want } from '../agent/scripted-hub.ts';

let world: HookWorld;
let fixture: ReconcileFixture;
let agent: RunningAgent;
let hooks: Published;
let safe: Published;

beforeAll(async () => {
  world = await HookWorld.open(inject('kubeconfig'));
  ({ fixture } = world);
  agent = await fixture.start();
  hooks = await fixture.publish({ chart: 'hooks' });
  // Or going back is asked for.
  safe = await fixture.publish({ chart: 'hooks', version: '1.2.0', change: world.rule({ rollback: 'safe' }) });
});
afterAll(async () => {
  await agent?.stop();
  await world?.close();
});

/** Carries out an operation with an agent that dies of that, and the next one. @returns what the dead one had begun last */
async function dieAndResume(want: Want, death: Death): Promise<{ event: HookEvent; state: string } | undefined> {
  const { hub } = fixture;
  await agent.stop();
  const mortal = await fixture.start(death);
  const desired = desiredState(want);
  const operation = hub.offer(desired);
  const ended = hub.end(operation).then(({ state }) => {
    throw new Error(`nobody died: ${want.kind} ended as ${state}`);
  });
  await Promise.race([mortal.client.died, ended]);
  ended.catch(() => undefined);
  mortal.kill();
  const records = fieldAt(await fixture.get('Operation', `op-${operation}`), ['status', 'hooks']) as
    | { event: HookEvent; state: string }[]
    | undefined;
  agent = await fixture.start();
  hub.offer(desired);
  expect(await hub.end(operation), `${death.when} ${mortal.client.writes.at(-1)}`).toMatchObject({
    state: 'succeeded',
  });
  expect(hub.contradictions).toEqual([]);
  return records?.at(-1);
}

/** The two moments of each operation; the chart has the same Job at all of them. */
const MOMENTS = [
  ['install', 'pre-install', 'post-install'],
  ['upgrade', 'pre-upgrade', 'post-upgrade'],
  ['rollback', 'pre-rollback', 'post-rollback'],
  ['uninstall', 'pre-delete', 'post-delete'],
] as const;

describe('an agent that is killed at a hook', () => {
  const lives = [
    ['before', 1],
    ['before', 2],
    ['after', 1],
    ['after', 2],
  ] as const;
  it.each(lives)('%s its making, the %i. of each operation, runs each once', async (when, write) => {
    const where = fixture.installation();
    await fixture.grant(where.name, safe);
    for (const [index, [kind, ...events]] of MOMENTS.entries()) {
      const want: Want = { ...where, release: safe, generation: index + 1, kind };
      if (kind === 'upgrade') want.parameters = { text: 'b' };
      if (kind === 'rollback') want.toGeneration = 1;
      const last = await dieAndResume(want, { write, of: 'create Job/', when });
      // It is written down before it is made, and that it is made after.
      expect(last).toMatchObject({ event: events[write - 1], state: 'started' });
      expect(world.jobs(where), kind).toHaveLength(2 * (index + 1));
      expect(new Set(world.jobs(where)).size).toBe(2 * (index + 1));
    }
  });

  const others = [
    ['after', 'create Pod/', 1],
    ['after', 'patchStatus Operation/', 5],
    ['before', 'patchStatus Operation/', 5],
  ] as const;
  it.each(others)('%s %s (%i) runs each once', async (when, of, write) => {
    const where = await fixture.installed(hooks);
    const want: Want = { ...where, generation: 2, release: hooks, kind: 'upgrade', parameters: { text: 'b' } };
    await dieAndResume(want, { write, of, when });
    expect(world.jobs(where)).toHaveLength(4);
    expect(await world.text(where)).toBe('b');
  });

  it('follows it to its end, and makes no other', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    await agent.stop();
    const hanging = await fixture.publish({
      chart: 'hooks',
      version: '1.1.0',
      change: world.rule({ deadlineSeconds: 60 }),
    });
    const mortal = await fixture.start();
    const parameters = { end: 'never' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: hanging, kind: 'upgrade', parameters });
    await waitUntil(() => world.jobs(where).length === 3, { what: 'the hook to be made', timeoutMs: 20_000 });
    mortal.kill();
    agent = await fixture.start();
    await waitUntil(() => agent.client.writes.some((write) => write.includes('Operation')), {
      what: 'the next to go on',
      timeoutMs: 10_000,
    });
    // Its program ends when it is told to.
    await world.kubectl(
      where,
      'patch',
      'job',
      world.jobs(where).at(-1) ?? '',
      '--type',
      'merge',
      '-p',
      '{"spec":{"activeDeadlineSeconds":1}}',
    );
    const end = await hub.end(upgrade);
    expect(end).toMatchObject({ state: 'failed', reason: 'hook-failed' });
    expect(world.jobs(where)).toHaveLength(3);
  });

  it('does not run one again that somebody removed meanwhile', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(hooks);
    await agent.stop();
    const mortal = await fixture.start();
    const parameters = { end: 'never' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: hooks, kind: 'upgrade', parameters });
    await hub.reach(upgrade, { phase: 'pre-hooks' });
    await waitUntil(() => mortal.client.writes.filter((write) => write.startsWith('create Job/')).length === 1, {
      what: 'the hook to be made',
      timeoutMs: 20_000,
    });
    await waitUntil(
      async () => JSON.stringify(await fixture.get('Operation', `op-${upgrade}`)).includes('"state":"made"'),
      { what: 'it to be written down', timeoutMs: 10_000 },
    );
    mortal.kill();
    await world.kubectl(where, 'delete', 'job', world.jobs(where).at(-1) ?? '');
    agent = await fixture.start();
    expect(await hub.end(upgrade)).toMatchObject({ state: 'failed', reason: 'hook-lost' });
    expect(world.jobs(where)).toHaveLength(3);
    expect(await world.text(where)).toBe('a');
  });
});
