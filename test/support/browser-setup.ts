import { withLock } from '../cluster/programs/lock.ts';
import { BROWSER, ensurePackages } from '../cluster/packages.ts';

/** A real browser from Debian: installed when it is missing and we may. @throws Error that names the command otherwise */
export async function setup(): Promise<void> {
  await withLock('packages', () => ensurePackages((line) => process.stderr.write(`${line}\n`), BROWSER));
}
