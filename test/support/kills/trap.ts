import { setTimeout as delay } from 'node:timers/promises';
import type { KubeConnection } from '../kube-connection.ts';
import { waitUntil } from '../wait-until.ts';
import type { CommitGate } from './commit-gate.ts';
import type { KubeGate } from './kube-gate.ts';
import type { Ledger } from './ledger.ts';
import type { MortalAgent } from './mortal-agent.ts';
import type { Calm, Point, Victim } from './points.ts';

/** The API server may have died in another lane. */
const READ_PATIENCE_MS = 60_000;

/** What can be seen of an operation from outside, and who can be killed by it. */
export interface Scene {
  ledger: Ledger;
  agent: MortalAgent;
  kubeGate: KubeGate;
  commitGate: CommitGate;
  kube: KubeConnection;
  /** Of the agent's journal. */
  agentNamespace: string;
  /** @param helm the process that renders, when it is to be that one. @returns false when there was nobody to kill */
  kill: (victim: Victim, downMs: number, helm?: number) => Promise<boolean>;
}

export interface Trap {
  /** No more kills after this; waits for one that is under way. @returns whether somebody was killed */
  lift: () => Promise<boolean>;
}

/** Waits for a point's moment and kills its victim, once, and whoever is to die with it. */
export function setTrap(scene: Scene, point: Point): Trap {
  let killing: Promise<boolean> | undefined;
  const act = async (isStill = async (): Promise<boolean> => true): Promise<boolean> => {
    killing ??= strike(scene, point).then(async (hasDied) => hasDied && (await isStill()));
    await killing;
    return true;
  };
  const later = (afterMs: number, helm?: number): void => {
    killing ??= delay(afterMs).then(() => strike(scene, point, helm));
  };
  const off = listen(scene, point, { act, later });
  return {
    lift: async () => {
      off();
      const hasKilled = (await killing) === true;
      scene.kubeGate.gate.arm();
      return hasKilled;
    },
  };
}

/** @returns whether all that were to die were there to be killed */
async function strike(scene: Scene, { victim, also = [], again, downMs }: Point, helm?: number): Promise<boolean> {
  const { gate } = scene.kubeGate;
  const killed = await Promise.all([victim, ...also].map((each) => scene.kill(each, downMs, helm)));
  const act = (): Promise<boolean> => scene.kill('agent', 0);
  if (again !== undefined) gate.arm({ number: again, side: 'after', act, loses: true });
  return killed.every(Boolean);
}

interface Springs {
  /** @param isStill asked when it is dead: whether that was the moment that was meant */
  act: (isStill?: () => Promise<boolean>) => Promise<boolean>;
  later: (afterMs: number, helm?: number) => void;
}

function listen(scene: Scene, { victim, also = [], moment }: Point, { act, later }: Springs): () => void {
  switch (moment.at) {
    case 'journal': {
      const { gate } = scene.kubeGate;
      const actThere = async (words: string): Promise<boolean> => {
        const isThere = async (): Promise<boolean> => (await phaseAfter(scene, words)) === moment.phase;
        return (await isThere()) && act(isThere);
      };
      gate.arm({ side: 'after', act: actThere, loses: victim === 'agent' });
      return () => gate.arm();
    }
    case 'change': {
      const { gate } = scene.kubeGate;
      const { number, side } = moment;
      const loses = [victim, ...also].some((each) => each === 'agent' || each === 'kube-apiserver');
      gate.arm({ number, side, act: () => act(), loses });
      return () => gate.arm();
    }
    case 'commit': {
      const { gate } = scene.commitGate;
      const { number, side } = moment;
      gate.arm({ number, side, act: () => act(), loses: [victim, ...also].includes('hub') });
      return () => gate.arm();
    }
    case 'phase':
      return scene.ledger.onJournal(({ namespace, phase }) => {
        if (namespace === scene.agentNamespace && phase === moment.phase) later(moment.afterMs);
      });
    case 'render':
      return scene.agent.onRender((helm) => later(moment.afterMs, helm));
  }
}

/** In which phase an operation is, as the API server has it, when this change was of a journal. */
async function phaseAfter({ kube, agentNamespace }: Scene, words: string): Promise<string | undefined> {
  const name = /^P\S+ operations\/([^/]+)\/status$/.exec(words)?.[1];
  if (name === undefined) return undefined;
  const path = `/apis/steward.dev/v1alpha1/namespaces/${agentNamespace}/operations/${name}`;
  const look = (): Promise<{ status?: { phase?: string } }> => kube.call('GET', path);
  const patience = { what: `${name} can be read`, timeoutMs: READ_PATIENCE_MS };
  return (await waitUntil(look, patience)).status?.phase;
}

/** Looks on while nobody dies. */
export function watchCalm({ ledger, agent, kubeGate, commitGate, agentNamespace }: Scene): () => Calm {
  const phases = new Set<string>();
  let renders = false;
  const offs = [
    ledger.onJournal(({ namespace, phase }) => namespace === agentNamespace && phases.add(phase)),
    agent.onRender(() => (renders = true)),
  ];
  kubeGate.gate.arm();
  commitGate.gate.arm();
  return () => {
    for (const off of offs) off();
    const [changes, commits] = [kubeGate.gate.passed, commitGate.gate.passed].map(({ length }) => length);
    return { changes: changes ?? 0, commits: commits ?? 0, phases: [...phases], renders };
  };
}
