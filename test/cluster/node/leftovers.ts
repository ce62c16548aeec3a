import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../programs/run-command.ts';
import { cgroupOf, launchConfigOf, stateDirOf, stateRoot, type Layout } from './layout.ts';
import { readLayout } from './record.ts';
import { waitUntil } from './wait-until.ts';

const cgroupMount = '/sys/fs/cgroup';

/** Process 1 of the cluster as this machine numbers it, or nothing when it is dead. Found by its arguments, so never another's. */
export async function findProcess(name: string): Promise<number | undefined> {
  const config = launchConfigOf(name);
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const args = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '');
    const [, command, file] = args.split('\0');
    if (file === config && (command === 'init' || command === 'launch')) return Number(entry);
  }
  return undefined;
}

/** Ends the cluster's processes at once: the kernel ends all that runs in a namespace whose process 1 is gone. */
export async function endProcess(name: string): Promise<void> {
  const limit = { timeoutMs: 30_000, intervalMs: 10 };
  for (let pid = await findProcess(name); pid !== undefined; pid = await findProcess(name)) {
    const process1 = pid;
    signalIfThere(process1, 'SIGKILL');
    await waitUntil(`process ${process1} of cluster ${name} to end`, () => hasEnded(process1), limit);
  }
}

const haltPatienceMs = 25_000;

/** Lets the cluster end as a machine that is shut down (see go/node-init/shutdown.go); what does not end in time is killed. */
export async function shutDownProcess(name: string): Promise<void> {
  const pid = await findProcess(name);
  if (pid === undefined) return;
  signalIfThere(pid, 'SIGTERM');
  const limit = { timeoutMs: haltPatienceMs, intervalMs: 10 };
  await waitUntil(`cluster ${name} to shut down`, () => hasEnded(pid), limit).catch(() => endProcess(name));
}

/** An ending process loses its arguments first and stays until all in its namespace have ended; a zombie is past that. */
export async function hasEnded(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  return stat === undefined || stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z');
}

function signalIfThere(pid: number, signal: 'SIGKILL' | 'SIGTERM'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Ends a cluster, be it running, half-made or killed, and leaves of it what a machine's disk would hold. Safe to repeat. */
export async function endNode(name: string): Promise<void> {
  const layout = await readLayout(name);
  await endProcess(name);
  if (layout) await removeLink(layout);
  await removeCgroups(name);
}

/** Ends and removes all of a cluster, be it running, halted, half-made or killed. Safe to repeat. */
export async function clear(name: string): Promise<void> {
  await endNode(name);
  await removeState(name);
}

/** The pair goes with the network namespace, which the kernel frees a moment after its last process. */
async function removeLink(layout: Layout): Promise<void> {
  const gone = async (): Promise<boolean> => {
    const links = await readdir('/sys/class/net');
    if (!links.includes(layout.hostLink)) return true;
    await runCommand(['ip', 'link', 'delete', layout.hostLink]).catch(() => undefined);
    return false;
  };
  await waitUntil(`the link ${layout.hostLink} to go`, gone, { timeoutMs: 10_000 });
}

async function removeCgroups(name: string): Promise<void> {
  for (const hierarchy of ['', ...(await readdir(cgroupMount))]) {
    const group = join(cgroupMount, hierarchy, cgroupOf(name));
    const removed = async (): Promise<boolean> => removeTree(group).then(() => true);
    await waitUntil(`control group ${group} to be empty`, removed, { timeoutMs: 10_000 });
  }
}

/** Control groups have files that cannot be removed and folders that can, innermost first. */
async function removeTree(group: string): Promise<void> {
  const entries = await readdir(group, { withFileTypes: true }).catch(() => undefined);
  if (!entries) return;
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  await rmdir(group);
}

async function removeState(name: string): Promise<void> {
  const stateDir = stateDirOf(name);
  const mounts = await readFile('/proc/self/mountinfo', 'utf8');
  const foreign = mounts.split('\n').map((line) => line.split(' ')[4] ?? '');
  const below = foreign.filter((target) => target.startsWith(`${stateDir}/`) || target === stateDir);
  // The cluster mounts only in its own namespace; what is mounted here was put there by someone else.
  if (below.length > 0) throw new Error(`something is mounted at ${below.join(', ')}: unmount it, then try again`);
  await rm(stateDir, { recursive: true, force: true, maxRetries: 3 });
  await rmdir(stateRoot).catch(() => undefined);
}
