import { setTimeout as delay } from 'node:timers/promises';
import type { CommitGate } from './commit-gate.ts';
import type { KubeGate } from './kube-gate.ts';
import type { Ledger } from './ledger.ts';
import type { MortalAgent } from './mortal-agent.ts';
import type { Calm, Point, Victim } from './points.ts';

/** What can be seen of an operation from outside, and who can be killed by it. */
export interface Scene {
  ledger: Ledger;
  agent: MortalAgent;
  kubeGate: KubeGate;
  commitGate: CommitGate;
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
  const act = async (helm?: number): Promise<void> => {
    killing ??= strike(scene, point, helm);
    await killing;
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

/** @returns whether its victim was there to be killed */
async function strike(scene: Scene, { victim, also = [], again, downMs }: Point, helm?: number): Promise<boolean> {
  const { gate } = scene.kubeGate;
  const killed = await Promise.all([victim, ...also].map((each) => scene.kill(each, downMs, helm)));
  const act = async (): Promise<void> => void (await scene.kill('agent', 0));
  if (again !== undefined) gate.arm({ number: again, side: 'after', act, loses: true });
  return killed[0] === true;
}

interface Springs {
  act: (helm?: number) => Promise<void>;
  later: (afterMs: number, helm?: number) => void;
}

function listen(scene: Scene, { victim, also = [], moment }: Point, { act, later }: Springs): () => void {
  switch (moment.at) {
    case 'change': {
      const { gate } = scene.kubeGate;
      const { number, side } = moment;
      const loses = [victim, ...also].some((each) => each === 'agent' || each === 'kube-apiserver');
      gate.arm({ number, side, act, loses });
      return () => gate.arm();
    }
    case 'commit': {
      const { gate } = scene.commitGate;
      const { number, side } = moment;
      gate.arm({ number, side, act, loses: [victim, ...also].includes('hub') });
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
