import { fieldAt, type HealthReason } from '@steward/shared';
import { expect } from 'vitest';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import type { DriftStatus } from '../../agent/src/operations/installation/drift-status.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

/** Changes things behind the agent's back, and reads what became of it and what is said of it. */
export class DriftWorld {
  readonly fixture: ReconcileFixture;

  constructor(fixture: ReconcileFixture) {
    this.fixture = fixture;
  }

  async upgraded(where: Where, release: Published, parameters: Record<string, unknown>): Promise<void> {
    const upgrade = this.fixture.offer({ ...where, generation: 2, release, kind: 'upgrade', parameters });
    expect(await this.fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
  }

  kubectl({ namespace }: Where, ...args: string[]): Promise<string> {
    return this.fixture.kubectl(...args, '-n', namespace);
  }

  patch(where: Where, object: string, change: object, type = 'merge'): Promise<string> {
    return this.kubectl(where, 'patch', object, `--type=${type}`, '-p', JSON.stringify(change));
  }

  edit(where: Where, to: string): Promise<string> {
    return this.patch(where, `configmap/${where.name}`, { data: { text: to } });
  }

  live(where: Where, kind: string, name = where.name): Promise<KubeObject | undefined> {
    return this.fixture.get(kind, name, where.namespace);
  }

  async text(where: Where): Promise<unknown> {
    return fieldAt(await this.live(where, 'ConfigMap'), ['data', 'text']);
  }

  async drift({ name }: Where): Promise<DriftStatus | undefined> {
    const installation = await this.fixture.get('Installation', name);
    return fieldAt(installation, ['status', 'drift']) as DriftStatus | undefined;
  }

  /** What is said of it in the Installation object, once it is that. */
  said(where: Where, state: DriftStatus['state']): Promise<DriftStatus> {
    const look = async (): Promise<DriftStatus | undefined> => {
      const found = await this.drift(where);
      return found?.state === state ? found : undefined;
    };
    return waitUntil(look, { what: `${where.name} to be ${state}`, timeoutMs: 30_000 });
  }

  events({ installationId }: Where): string[] {
    return this.fixture.hub.events
      .filter((event) => event.installationId === installationId && event.kind.startsWith('drift.'))
      .map(({ kind }) => kind);
  }

  /** The hub hears of it right after it is written down. */
  async told(where: Where, kinds: string[]): Promise<void> {
    const what = `${kinds.join(', ')} to be told`;
    await waitUntil(() => this.events(where).length >= kinds.length, { what });
    expect(this.events(where)).toEqual(kinds);
  }

  reasons({ installationId }: Where): HealthReason[] {
    return this.fixture.hub.health[installationId]?.reasons ?? [];
  }

  /** Does something, and waits until the agent has looked at it. */
  async looked<T>(where: Where, work: () => Promise<T>): Promise<T> {
    const before = this.#looks(where);
    const done = await work();
    const what = `another look at ${where.name}`;
    await waitUntil(() => this.#looks(where) > before, { what, timeoutMs: 30_000 });
    return done;
  }

  /** How often the agent has looked at it so far. */
  #looks({ name }: Where): number {
    return this.fixture.logged.filter((line) => line.includes('looked for drift') && line.includes(`"${name}"`)).length;
  }
}

export interface OpenDriftWorld {
  fixture: ReconcileFixture;
  world: DriftWorld;
  /** It looks every two seconds. */
  agent: RunningAgent;
  web: Published;
}

/** An agent that may do everything, with a chart to install. */
export async function openDriftWorld(kubeconfig: string): Promise<OpenDriftWorld> {
  const fixture = await ReconcileFixture.create(kubeconfig);
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  const agent = await fixture.start(undefined, { slowMs: 2_000, retryMs: 1_000 });
  return { fixture, world: new DriftWorld(fixture), agent, web: await fixture.publish({ chart: 'web' }) };
}
