import { existsSync } from 'node:fs';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { runCommand } from './programs/run-command.ts';

/** All of this machine that a cluster might touch and no other program changes meanwhile. */
export interface Machine {
  mounts: string;
  rules: string;
  settings: string[];
  folders: string[];
}

export async function machine(): Promise<Machine> {
  const settings = [
    'net/ipv4/ip_forward',
    'net/ipv4/conf/all/route_localnet',
    'net/netfilter/nf_conntrack_max',
    'vm/overcommit_memory',
    'vm/panic_on_oom',
    'kernel/panic',
    'kernel/panic_on_oops',
    'kernel/keys/root_maxkeys',
  ];
  const listings = ['/etc', '/opt', '/run', '/usr/libexec', '/var/lib', '/var/log', '/var/run'].map(async (folder) =>
    (await readdir(folder)).filter((entry) => entry !== 'steward-cluster').map((entry) => `${folder}/${entry}`),
  );
  return {
    mounts: await readFile('/proc/self/mountinfo', 'utf8'),
    rules: (await runCommand(['iptables-save'])).replace(/^#.*$/gm, ''),
    settings: await Promise.all(settings.map((path) => readFile(`/proc/sys/${path}`, 'utf8').catch(() => ''))),
    folders: (await Promise.all(listings)).flat().sort(),
  };
}

/** Processes in any of the namespaces, given as /proc/PID/ns names them. */
export async function processesIn(namespaces: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    for (const kind of ['pid', 'net', 'mnt']) {
      const namespace = await readlink(`/proc/${pid}/ns/${kind}`).catch(() => '');
      if (namespaces.includes(namespace)) found.push(pid);
    }
  }
  return found;
}

export async function cgroupsOf(clusterName: string): Promise<string[]> {
  const hierarchies = (await readdir('/sys/fs/cgroup')).map(
    (entry) => `/sys/fs/cgroup/${entry}/steward-${clusterName}`,
  );
  return [`/sys/fs/cgroup/steward-${clusterName}`, ...hierarchies].filter((path) => existsSync(path));
}
