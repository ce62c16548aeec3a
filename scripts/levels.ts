import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { BROWSER, missingPackages } from '../test/cluster/packages.ts';
import { kubeProgram, type ProgramName } from '../test/cluster/programs/programs.ts';

/** A level of test: a project in vitest.config.ts, and what it needs that a machine may not have. */
export interface Level {
  name: string;
  /** What is missing for it here, and what to do about it; undefined when it can run. */
  lacks: () => string | undefined;
  /** What of test/cluster/go it runs, in the order of need. */
  builds: () => readonly ProgramName[];
}

/** What this machine lacks for the single-node Kubernetes of test/cluster, and what to do; undefined when it can. */
export function lacksCluster(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux: run it there, as root, best on Debian';
  if (process.getuid?.() !== 0)
    return 'needs root: run the same command as root (on Debian it installs what else it needs)';
  const lack = lacksGo('Kubernetes');
  if (lack) return lack;
  if (missingPackages().length > 0 && spawnSync('apt-get', ['--version']).status !== 0) {
    return `needs ${missingPackages().join(', ')}: install them`;
  }
  return undefined;
}

function lacksGo(purpose: string): string | undefined {
  if (spawnSync('go', ['version']).status === 0) return undefined;
  return `needs Go 1.26 or newer on PATH, to build ${purpose} once: https://go.dev/dl`;
}

/** What this machine lacks for a real browser; undefined when it is there or will be installed. */
function lacksBrowser(): string | undefined {
  const missing = missingPackages(BROWSER);
  if (missing.length === 0 || (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get'))) return undefined;
  return `needs ${missing.join(', ')} on PATH: apt-get install ${missing.join(' ')} as root on Debian`;
}

const cluster = (): readonly ProgramName[] => [kubeProgram(), 'coredns', 'node-init'];
const WITH_HELM: readonly ProgramName[] = ['helm', 'registry'];
const WITH_PODS: readonly ProgramName[] = [...WITH_HELM, 'probe', 'nats-2.14', 'nats-2.15'];

/** Fast ones first: a later level runs only when those before it are green. */
export const LEVELS: readonly Level[] = [
  { name: 'unit', lacks: () => undefined, builds: () => [] },
  { name: 'hub', lacks: () => lacksGo('helm'), builds: () => WITH_HELM },
  { name: 'console', lacks: lacksBrowser, builds: () => [] },
  { name: 'cluster', lacks: lacksCluster, builds: () => [...cluster(), 'probe'] },
  { name: 'agent', lacks: lacksCluster, builds: () => [...WITH_HELM, ...cluster(), 'probe'] },
  { name: 'system', lacks: lacksCluster, builds: () => [...cluster(), ...WITH_PODS] },
  { name: 'outage', lacks: lacksCluster, builds: () => [...cluster(), ...WITH_PODS] },
];
