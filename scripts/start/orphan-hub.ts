import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { HUB_PROGRAM } from '../process.ts';

const PATIENCE_MS = 20_000;
const LOOK_MS = 100;

/** Ends the hub of a start that was killed: it would hold the port and the data of the next. @returns whether there was one */
export async function endOrphanHub(pid: number | undefined): Promise<boolean> {
  if (pid === undefined || !(await isOurHub(pid))) return false;
  process.kill(pid, 'SIGTERM');
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += LOOK_MS) {
    await delay(LOOK_MS);
    if (!(await isOurHub(pid))) return true;
  }
  process.kill(pid, 'SIGKILL');
  return true;
}

/** Another program may have the number by now. */
async function isOurHub(pid: number): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return words.split('\0').includes(HUB_PROGRAM);
}
