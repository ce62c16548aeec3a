// @module-tag one-try
import fc from 'fast-check';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { isFinal, type DesiredState } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let password: Published;
const passwords = new Map<string, string[]>();
const watching = new AbortController();

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  password = await fixture.publish({ chart: 'password' });
  const ref = await fixture.admin.resourceOf('v1', 'Secret');
  if (!ref) throw new Error('no Secrets');
  const note = ({ metadata, data }: KubeObject): true => {
    const seen = passwords.get(metadata.name) ?? [];
    const value = JSON.stringify(data);
    passwords.set(metadata.name, seen.at(-1) === value ? seen : [...seen, value]);
    return true;
  };
  fixture.admin.watch({ ref, project: note, onChange: () => {}, signal: watching.signal });
});
afterAll(async () => {
  watching.abort();
  await fixture?.close();
});

/** What can happen to an agent: a frame of one of six generations (again and again, in any order), a cancel, a death at one of its next writes, a lost connection. */
type Happening =
  | { type: 'offer'; generation: number }
  | { type: 'cancel'; generation: number }
  | { type: 'die'; write: number; when: 'before' | 'after' }
  | { type: 'reconnect' };

const generation = fc.integer({ min: 1, max: 6 });
const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('offer' as const), generation }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), generation }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('die' as const),
      write: fc.integer({ min: 1, max: 20 }),
      when: fc.constantFrom('before' as const, 'after' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reconnect' as const) }) },
);

async function live(happenings: readonly Happening[]): Promise<void> {
  const { hub } = fixture;
  const where = fixture.installation();
  await fixture.grant(where.name, password);
  const frames = new Map<number, DesiredState>();
  const frameOf = (wanted: number): DesiredState => {
    const kind = wanted === 1 ? 'install' : 'upgrade';
    const parameters = { text: String(wanted) };
    const frame =
      frames.get(wanted) ?? desiredState({ ...where, generation: wanted, release: password, kind, parameters });
    frames.set(wanted, frame);
    return frame;
  };
  let agent: RunningAgent = await fixture.start();
  for (const what of happenings) {
    if (what.type === 'offer') hub.offer(frameOf(what.generation));
    else if (what.type === 'cancel') hub.cancel(frameOf(what.generation).operation.id);
    else if (what.type === 'reconnect') hub.welcome();
    else {
      agent.kill();
      agent = await fixture.start(what);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  // In the end it lives, and the hub offers what it has not seen the end of, the newest first.
  agent.kill();
  agent = await fixture.start();
  const offered = [...frames.values()].sort((a, b) => b.generation - a.generation);
  for (const frame of offered) if (!isFinal(hub.last(frame.operation.id)?.state ?? 'queued')) hub.offer(frame);
  for (const frame of offered) await hub.end(frame.operation.id, 30_000);
  await waitUntil(() => hub.agrees(), { what: 'both sides to agree' });
  expect(hub.contradictions).toEqual([]);
  await checkOutcome(where.name, frames);
  await agent.stop();
}

async function checkOutcome(name: string, frames: ReadonlyMap<number, DesiredState>): Promise<void> {
  const { hub } = fixture;
  const ends = [...frames].map(([at, { operation }]) => ({ at, state: hub.last(operation.id)?.state }));
  const good = ends.filter(({ state }) => state === 'succeeded').map(({ at }) => at);
  // Each generation that took effect made its password once, in the order of generations.
  expect(passwords.get(`${name}-auth`) ?? []).toHaveLength(good.length);
  if (good.length === 0) return;
  const last = Math.max(...good);
  const map = await fixture.get('ConfigMap', name, name);
  expect(map).toMatchObject({ data: { text: String(last) } });
  const installation = await fixture.get('Installation', name);
  expect(installation).toMatchObject({ status: { observedGeneration: last, state: 'running' } });
}

it('whatever comes twice, late or in disorder, and whenever the agent dies: every operation ends, and takes effect at most once', async () => {
  const sequences = fc.array(happening, { minLength: 3, maxLength: 12 });
  await fc.assert(fc.asyncProperty(sequences, live), { numRuns: 15, endOnFailure: true });
});
