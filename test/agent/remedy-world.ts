import type { RunState } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { remedyPermissions } from '../../hub/cli/src/checks/remedies/check-remedies.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';
import type { Want } from './scripted-hub.ts';

export const AS_RELEASED: RunState = { stopped: false, replicas: {} };
export const STOPPED: RunState = { stopped: true, replicas: {} };

/** An installation that runs well at generation 1, with an agent of its own. */
export interface Running {
  agent: RunningAgent;
  name: string;
  installationId: string;
  /** Asks for the next generation. */
  next(change: Partial<Want> & Pick<Want, 'kind'>): Want;
  /** Asks for it and waits for its end. */
  end(change: Partial<Want> & Pick<Want, 'kind'>): ReturnType<ReconcileFixture['hub']['end']>;
  workload(): Promise<KubeObject | undefined>;
  livePods(): Promise<KubeObject[]>;
}

/** What tests of remedies share: releases that offer them, and every pod that there ever was. */
export interface RemedyWorld {
  fixture: ReconcileFixture;
  /** A Deployment with everything that can be offered. */
  web: Published;
  /** A StatefulSet. */
  store: Published;
  /** Uids by namespace. */
  pods: Map<string, Set<string>>;
  installed: (release: Published, parameters?: Record<string, unknown>) => Promise<Running>;
  /** The policy that each test begins with. */
  allow(): Promise<void>;
  close(): Promise<void>;
}

export function replicasOf(object: KubeObject | undefined): unknown {
  return (object?.['spec'] as { replicas?: number } | undefined)?.replicas;
}

export async function openRemedyWorld(kubeconfig: string): Promise<RemedyWorld> {
  const fixture = await ReconcileFixture.create(kubeconfig);
  const web = await fixture.publish({
    chart: 'web',
    change: (release) => {
      const memory = { minimum: '16Mi', maximum: '128Mi' };
      const cpu = { minimum: '1m', maximum: '1' };
      const resize = { kind: 'Deployment' as const, name: '${installation}', container: 'probe', cpu, memory };
      const autoscale = { kind: 'Deployment' as const, name: '${installation}', minimum: 1, maximum: 3 };
      const scale = { kind: 'Deployment' as const, name: '${installation}', minimum: 0, maximum: 4 };
      release.remedies = { resize: [resize], autoscale: [autoscale], scale: [scale] };
      release.permissions.push(...remedyPermissions(release));
    },
  });
  const store = await fixture.publish({ chart: 'store' });
  const ref = await fixture.admin.resourceOf('v1', 'Pod');
  if (!ref) throw new Error('no Pods');
  const pods = new Map<string, Set<string>>();
  const note = ({ metadata }: KubeObject): true => {
    const { namespace = '', uid = '' } = metadata;
    pods.set(namespace, (pods.get(namespace) ?? new Set()).add(uid));
    return true;
  };
  const watching = new AbortController();
  fixture.admin.watch({ ref, project: note, onChange: () => {}, signal: watching.signal });
  return {
    fixture,
    web,
    store,
    pods,
    installed: async (release, parameters = {}) => {
      const where = fixture.installation();
      await fixture.grant(where.name, release);
      const agent = await fixture.start();
      let generation = 1;
      const first: Want = { ...where, generation, release, kind: 'install', parameters };
      const { state, message } = await fixture.hub.end(fixture.offer(first));
      if (state !== 'succeeded') throw new Error(`the install of ${where.name} ended as ${state}: ${message}`);
      const kind = release === store ? 'StatefulSet' : 'Deployment';
      const running: Running = {
        ...where,
        agent,
        next: (change) => ({ ...first, generation: (generation += 1), ...change }),
        end: (change) => fixture.hub.end(fixture.offer(running.next(change))),
        workload: () => fixture.get(kind, where.name, where.namespace),
        livePods: () => fixture.admin.list(ref, where.namespace),
      };
      return running;
    },
    allow: () => fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', restart: 'allow', scale: 'allow' } }),
    close: async () => {
      watching.abort();
      await fixture.close();
    },
  };
}
