import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runCommand } from './programs/run-command.ts';

/** Debian package → a file or program that shows it is there, however it was installed. */
export type Packages = Readonly<Record<string, string>>;

/** What the test cluster runs on. */
const CLUSTER: Packages = {
  containerd: 'containerd',
  runc: 'runc',
  'containernetworking-plugins': '/usr/lib/cni/ptp',
  iptables: 'iptables',
  conntrack: 'conntrack',
  iproute2: 'ip',
};

/** What the live page is tested in. */
export const BROWSER: Packages = { chromium: 'chromium' };

/** What makes file systems for volumes that grow. */
export const VOLUMES = { xfsprogs: '/usr/sbin/mkfs.xfs' } as const satisfies Packages;

/** @param needed default: those of the test cluster */
export function missingPackages(needed: Packages = CLUSTER): string[] {
  return Object.entries(needed)
    .filter(([, sign]) => !isThere(sign))
    .map(([name]) => name);
}

function isThere(sign: string): boolean {
  if (sign.startsWith('/')) return existsSync(sign);
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`.split(delimiter);
  return folders.some((folder) => existsSync(join(folder, sign)));
}

/**
 * Installs Debian packages, only those that are missing, only as root. Rejects with the command to run when it may not or
 * cannot.
 * @param needed default: those of the test cluster
 */
export async function ensurePackages(
  log: (line: string) => void = () => {},
  needed: Packages = CLUSTER,
): Promise<void> {
  const missing = missingPackages(needed);
  if (missing.length === 0) return;
  // A machine that has just started may be upgrading itself; a changed configuration file must not raise a question.
  const settings = ['--option=DPkg::Lock::Timeout=120', '--option=Dpkg::Options::=--force-confold'];
  const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...settings, ...missing];
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`these tests need ${missing.join(', ')}. As root on Debian: ${install.join(' ')}`);
  }
  log(`installing Debian packages: ${missing.join(', ')} …`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await runCommand(['apt-get', 'update'], { env, timeoutMs: 5 * 60_000 });
  await runCommand(install, { env, timeoutMs: 10 * 60_000 });
  const still = missingPackages(needed);
  if (still.length > 0) throw new Error(`apt-get installed no ${still.join(', ')}: install them by hand`);
}
