import { readdir, readFile } from 'node:fs/promises';

async function readOrEmpty(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

/** Process ids, as this machine numbers them, of a pod's processes whose command line contains the text. */
export async function processesOfPod(podUid: string, commandLine: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [groups, line] = await Promise.all([
      readOrEmpty(`/proc/${entry}/cgroup`),
      readOrEmpty(`/proc/${entry}/cmdline`),
    ]);
    if (groups.includes(podUid) && line.includes(commandLine)) found.push(Number(entry));
  }
  return found;
}

/** Sends a signal to a pod's processes from outside, as the kernel's out-of-memory killer would. Answers how many there were. */
export async function signalPod(podUid: string, commandLine: string, signal: NodeJS.Signals): Promise<number> {
  const pids = await processesOfPod(podUid, commandLine);
  for (const pid of pids) process.kill(pid, signal);
  return pids.length;
}
