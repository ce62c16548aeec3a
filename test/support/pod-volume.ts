import { execFile } from 'node:child_process';
import { statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { processesOfPod } from './pod-process.ts';

/** Where a pod's process sees a path, from this machine. */
async function pathIn(podUid: string, program: string, path: string): Promise<string> {
  const [pid] = await processesOfPod(podUid, program);
  if (pid === undefined) throw new Error(`pod ${podUid} runs no ${program}`);
  return `/proc/${pid}/root${path}`;
}

/** How large the file system is that a pod's process has at a path, MiB, as `df` would say there. */
export async function fileSystemSize(podUid: string, program: string, path: string): Promise<number> {
  const { blocks, bsize } = await statfs(await pathIn(podUid, program, path));
  return (blocks * bsize) / 2 ** 20;
}

/** Takes every free block of that file system. */
export async function fillFileSystem(podUid: string, program: string, path: string): Promise<void> {
  const place = await pathIn(podUid, program, path);
  const run = promisify(execFile);
  for (let left = await freeMiB(place); left > 0; left = await freeMiB(place))
    await run('fallocate', ['-l', `${left}MiB`, `${place}/fill-${left}`]).catch(() => undefined);
  await run('dd', ['if=/dev/zero', `of=${place}/fill`, 'bs=4096']).catch(() => undefined);
}

async function freeMiB(place: string): Promise<number> {
  const { bavail, bsize } = await statfs(place);
  return Math.floor((bavail * bsize) / 2 ** 20 / 2);
}
