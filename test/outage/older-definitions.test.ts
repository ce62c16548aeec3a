import { OPERATION_KINDS } from '@steward/shared';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { Published, ReconcileFixture } from '../agent/reconcile-fixture.ts';
import { AS_RELEASED, openRemedyWorld, type RemedyWorld } from '../agent/remedy-world.ts';
import { waitUntil } from '../support/wait-until.ts';

let world: RemedyWorld;
let fixture: ReconcileFixture;
let web: Published;
let installed: RemedyWorld['installed'];

beforeAll(async () => {
  world = await openRemedyWorld(inject('kubeconfig'));
  ({ fixture, web, installed } = world);
});
beforeEach(() => world.allow());
afterAll(() => world?.close());

/** Not among the tests of the agent, which run beside each other: all of them have these definitions. */
describe('definitions that are older than the agent', () => {
  const kinds = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/kind/enum';
  const define = (value: readonly string[]) => {
    const patch = JSON.stringify([{ op: 'replace', path: kinds, value }]);
    return fixture.kubectl('patch', 'crd', 'operations.steward.dev', '--type=json', '-p', patch);
  };
  /** Whether the API server takes a restart by now. */
  async function takesRestarts(): Promise<boolean> {
    const metadata = { name: 'op-try', namespace: fixture.namespace };
    const object = { apiVersion: 'steward.dev/v1alpha1', kind: 'Operation', metadata, spec: { kind: 'restart' } };
    const options = { fieldManager: 'customer', force: true, dryRun: true };
    return fixture.admin.apply(object, options).then(
      () => true,
      () => false,
    );
  }

  // It kills and counts nothing; right after others have killed the API server it was once not answered for a minute.
  it('are named when they do not take a remedy, and hold nothing else up', { retry: 1 }, async () => {
    const one = await installed(web);
    const runState = { ...AS_RELEASED, restartToken: 'x' };
    await define(['install', 'upgrade', 'rollback', 'uninstall']);
    try {
      await waitUntil(async () => !(await takesRestarts()), { what: 'the old definition to count' });
      const end = await one.end({ kind: 'restart', runState });
      expect(end).toMatchObject({ state: 'failed', reason: 'agent-too-old' });
      expect(await one.end({ kind: 'upgrade' })).toMatchObject({ state: 'succeeded' });
    } finally {
      await define(OPERATION_KINDS);
    }
    await waitUntil(takesRestarts, { what: 'the new definition to count' });
    expect(await one.end({ kind: 'restart', runState })).toMatchObject({ state: 'succeeded' });
    await one.agent.stop();
  });
});
