import { importArchive } from './image/import.ts';
import { moveImage, type ReachedRegistry, type StoredImage } from './image/registry.ts';
import { pauseContainerImage } from './images.ts';
import {
  buildPrograms,
  hasData,
  isSettled,
  launch,
  settle,
  waitUntilPodsAreSeen,
  waitUntilUsable,
  type Programs,
} from './node/bring-up.ts';
import type { ComponentName } from './node/components.ts';
import { control } from './node/control.ts';
import { stateDirOf, type Layout } from './node/layout.ts';
import { clear, endNode, findProcess, shutDownProcess } from './node/leftovers.ts';
import { claimLayout, readLayout } from './node/record.ts';
import { ClusterEnded, whileAlive } from './node/while-alive.ts';
import { ensurePackages } from './packages.ts';
import { withLock } from './programs/lock.ts';
import type { Log } from './programs/programs.ts';

export type { ComponentName } from './node/components.ts';

export interface ClusterHandle {
  name: string;
  /** Path of a kubeconfig with the administrator's client certificate. */
  kubeconfig: string;
  /** The address of this machine as pods see it: what listens there is reachable for them, and for nobody outside. */
  hostAddress: string;
  /** The node, its NodePorts and the API server, reachable from this machine. */
  nodeAddress: string;
  stateDir: string;
  /** Makes an OCI archive's image runnable by tag and by digest, without a pull; resolves when pods can use it. */
  importImage(archivePath: string): Promise<void>;
  /** Moves an imported image to a registry, from which pods have to pull it: `moveImage(image, registry, 'team/x:1')`. */
  moveImage(image: StoredImage, to: ReachedRegistry, path: string): Promise<void>;
  /** Resolves when it has taken effect. A killed component is started again by itself, a stopped one is not. */
  component(name: ComponentName, action: 'kill' | 'stop' | 'start' | 'restart'): Promise<void>;
  /** `running`, `waiting` or `stopped`, and how often it has ended though it was wanted. */
  state(name: ComponentName): Promise<{ state: string; restarts: number }>;
  halt(): Promise<void>;
  down(): Promise<void>;
}

interface ComponentState {
  name: string;
  state: string;
  restarts: number;
}

export interface UpOptions {
  /** 1 to 20 lower-case letters, digits, dashes. Clusters of different names can be up at once. */
  name: string;
  log?: Log;
  signal?: AbortSignal;
  /** How long each step of starting a halted cluster may take before it is made anew; a minute unless told. */
  resumePatienceMs?: number;
}

interface Bringing {
  name: string;
  programs: Programs;
  pauseArchive: string;
  log: Log;
  signal: AbortSignal | undefined;
  resumePatienceMs: number;
}

/**
 * A usable cluster of that name: the running one, else the halted or killed one with its objects and volumes, else a
 * new one. It outlives this process, until `halt` or `down`. When it cannot be made its processes are ended and its
 * logs stay; when it is aborted nothing stays that was not there before.
 */
export async function up(options: UpOptions): Promise<ClusterHandle> {
  const { name, signal, log = () => {}, resumePatienceMs = 180_000 } = options;
  stateDirOf(name);
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new Error('the test cluster needs Linux and root: it makes namespaces, a network link and control groups');
  }
  await withLock('packages', () => ensurePackages(log));
  const programs = await buildPrograms(log, signal);
  const pause = await pauseContainerImage(log);
  const bringing = { name, programs, pauseArchive: pause.archivePath, log, signal, resumePatienceMs };
  return withLock(`cluster-${name}`, async () =>
    handleOf((await reuse(bringing)) ?? (await resume(bringing)) ?? (await make(bringing))),
  );
}

/** The running cluster of that name, usable or not; nothing when there is none. */
export async function attach(name: string): Promise<ClusterHandle | undefined> {
  const layout = await readLayout(name);
  return layout && (await findProcess(name)) ? handleOf(layout) : undefined;
}

/**
 * Ends the cluster as a machine is shut down: pods are asked to end and have some seconds to, then nothing of it runs.
 * What was on its disk stays, and `up` goes on from there. Does nothing when there is none.
 */
export async function halt(name: string): Promise<void> {
  stateDirOf(name);
  await withLock(`cluster-${name}`, async () => {
    await shutDownProcess(name);
    await endNode(name);
  });
}

/** Ends the cluster and removes all it has on this machine. Does nothing when there is none. */
export async function down(name: string): Promise<void> {
  stateDirOf(name);
  await withLock(`cluster-${name}`, () => clear(name));
}

const reusePatienceMs = 20_000;
const settlePatienceMs = 240_000;

async function reuse({ name, pauseArchive, log, signal }: Bringing): Promise<Layout | undefined> {
  const layout = await readLayout(name);
  if (!layout || !(await findProcess(name))) return undefined;
  try {
    const settled = await isSettled(layout);
    await whileAlive(layout, signal, async (alive) =>
      settled
        ? waitUntilUsable(layout, { timeoutMs: reusePatienceMs, signal: alive })
        : settle(layout, pauseArchive, { timeoutMs: settlePatienceMs, signal: alive }),
    );
    return layout;
  } catch (error) {
    signal?.throwIfAborted();
    log(`cluster ${name} is running but not usable (${String(error)}): starting it again`);
    return undefined;
  }
}

/** Starts a halted or killed cluster over its data. Only when that turns out to be of no use is it given up. */
async function resume(bringing: Bringing): Promise<Layout | undefined> {
  const { name, programs, pauseArchive, log, signal, resumePatienceMs } = bringing;
  const former = await readLayout(name);
  if (!former || !(await hasData(former))) return undefined;
  await endNode(name);
  const layout = await claimLayout(name);
  try {
    await launch(layout, programs);
  } catch (cause) {
    await endNode(name);
    throw new Error(`cluster ${name} did not start: ${messageOf(cause)}. It keeps its data until "down"`, { cause });
  }
  try {
    await whileAlive(layout, signal, async (alive) => {
      await settle(layout, pauseArchive, { timeoutMs: resumePatienceMs, signal: alive });
      await waitUntilPodsAreSeen(layout, alive).catch((error: unknown) => {
        alive.throwIfAborted();
        log(`cluster ${name}: ${messageOf(error)}`);
      });
    });
    return layout;
  } catch (cause) {
    const failure = await failureOf(layout, cause);
    await endNode(name);
    signal?.throwIfAborted();
    if (cause instanceof ClusterEnded) throw failure;
    log(failure.message);
    log(`cluster ${name} cannot go on from where it was: making it anew, without its former objects and volumes`);
    return undefined;
  }
}

async function make({ name, programs, pauseArchive, signal }: Bringing): Promise<Layout> {
  await clear(name);
  const layout = await claimLayout(name);
  try {
    await launch(layout, programs);
    await whileAlive(layout, signal, async (alive) =>
      settle(layout, pauseArchive, { timeoutMs: settlePatienceMs, signal: alive }),
    );
    return layout;
  } catch (cause) {
    if (signal?.aborted) await clear(name);
    signal?.throwIfAborted();
    const failure = await failureOf(layout, cause);
    await endNode(name);
    throw failure;
  }
}

async function failureOf(layout: Layout, cause: unknown): Promise<Error> {
  const states = await control(layout, 'GET', '/components').catch(messageOf);
  const hint = `Components: ${states.trim()}. Logs: ${layout.stateDir}/log`;
  return new Error(`cluster ${layout.name} did not come up: ${messageOf(cause)}. ${hint}`, { cause });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function handleOf(layout: Layout): ClusterHandle {
  const { name, kubeconfig, hostAddress, nodeAddress, stateDir } = layout;
  return {
    name,
    kubeconfig,
    hostAddress,
    nodeAddress,
    stateDir,
    importImage: (archivePath) => importArchive(layout, archivePath),
    moveImage: (image, to, path) => moveImage(layout, image, to, path),
    component: async (component, action) => {
      await control(layout, 'POST', `/components/${component}/${action}`);
    },
    state: async (component) => {
      const all = JSON.parse(await control(layout, 'GET', '/components')) as ComponentState[];
      const found = all.find((one) => one.name === component);
      if (!found) throw new Error(`cluster ${name} has no component ${component}`);
      return found;
    },
    halt: () => halt(name),
    down: () => down(name),
  };
}
