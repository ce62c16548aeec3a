import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { down } from '../test/cluster/cluster.ts';
import { namesOfClusters } from '../test/cluster/node/record.ts';
import { cacheFolder } from '../test/cluster/programs/programs.ts';
import { ROOT } from './process.ts';
import { START_CLUSTER } from './start/cluster-choice.ts';
import { startFolders } from './start/folders.ts';
import { endOrphanHub } from './start/orphan-hub.ts';
import { loadRecord } from './start/record.ts';

/**
 * `npm run clean`: the cluster of `npm start`, what it keeps, and what was built here; with names, only those clusters. Stays: clusters
 * of other names (that of `npm test` too), which may be at work for somebody else; installed Debian packages; the cache of built programs.
 */
export async function clean(names: readonly string[]): Promise<void> {
  const found = await namesOfClusters();
  const unknown = names.filter((name) => !found.includes(name));
  if (unknown.length > 0)
    throw new Error(`there is no cluster ${unknown.join(', ')}; there are: ${found.join(', ') || 'none'}`);
  const wanted = names.length > 0 ? names : [START_CLUSTER];
  for (const name of found.filter((name) => wanted.includes(name))) {
    say(`removing cluster ${name}`);
    await down(name);
  }
  if (names.length > 0) return;
  const { state, record } = startFolders();
  const known = await loadRecord(record).catch(() => undefined);
  if (await endOrphanHub(known?.hubPid)) say('ended the hub that a killed start left');
  say(`removing ${state}, and the logins of npm run steward in it`);
  await rm(state, { recursive: true, force: true });
  for (const folder of ['shared/dist', 'hub/dist', 'hub/cli/dist', 'hub/console/dist', 'agent/dist', '.nx'])
    await rm(join(ROOT, folder), { recursive: true, force: true });
  for (const name of found.filter((name) => !wanted.includes(name)))
    say(`cluster ${name} stays: somebody may be using it; if that is you, npm run clean -- ${name}`);
  say(`${cacheFolder()} stays: what was built once; delete it to build anew`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
