import type { Release } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { ReconcileFixture, type Where } from './reconcile-fixture.ts';

/** What tests of hooks share: every Job that was ever made, by whoever. */
export class HookWorld {
  readonly fixture: ReconcileFixture;
  readonly #made = new Map<string, string[]>();
  readonly #watching = new AbortController();

  private constructor(fixture: ReconcileFixture) {
    this.fixture = fixture;
  }

  static async open(kubeconfig: string): Promise<HookWorld> {
    const world = new HookWorld(await ReconcileFixture.create(kubeconfig));
    await world.fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
    const ref = await world.fixture.admin.resourceOf('batch/v1', 'Job');
    if (!ref) throw new Error('no Jobs');
    const seen = new Set<string>();
    const note = ({ metadata }: KubeObject): undefined => {
      if (seen.has(metadata.uid ?? '')) return;
      seen.add(metadata.uid ?? '');
      const namespace = metadata.namespace ?? '';
      world.#made.set(namespace, [...(world.#made.get(namespace) ?? []), metadata.name]);
    };
    world.fixture.admin.watch({ ref, project: note, onChange: () => {}, signal: world.#watching.signal });
    return world;
  }

  /** Names of the Jobs that were ever made there. */
  jobs({ namespace }: Where): string[] {
    return this.#made.get(namespace) ?? [];
  }

  async text({ name, namespace }: Where): Promise<unknown> {
    const map = await this.fixture.get('ConfigMap', name, namespace);
    return (map?.['data'] as { text?: string } | undefined)?.text;
  }

  kubectl({ namespace }: Where, ...args: string[]): Promise<string> {
    return this.fixture.kubectl(...args, '--namespace', namespace);
  }

  rule(upgrade: Partial<Release['upgrade']>): (release: Release) => void {
    return (release) => void (release.upgrade = { deadlineSeconds: 60, settleSeconds: 0, ...upgrade });
  }

  async close(): Promise<void> {
    this.#watching.abort();
    await this.fixture.close();
  }
}
