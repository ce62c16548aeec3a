import { withLock } from '../cluster/programs/lock.ts';
import { ensurePackages } from '../cluster/packages.ts';

/** Installs what the test cluster runs on, before any test looks at what a cluster leaves on the machine. */
export async function setup(): Promise<void> {
  await withLock('packages', () => ensurePackages((line) => process.stderr.write(`${line}\n`)));
}
