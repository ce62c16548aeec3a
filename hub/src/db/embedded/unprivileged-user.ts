import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** As whom PostgreSQL runs. Empty: as whom the hub runs. */
export interface UnixUser {
  uid?: number;
  gid?: number;
}

/**
 * PostgreSQL refuses to run as root. For root this finds the account it runs as instead: the one that owns the files already, else `postgres`,
 * else `nobody`. Nothing is created on the host.
 */
export async function unprivilegedUser(directory: string): Promise<UnixUser> {
  if (process.getuid?.() !== 0) return {};
  const owner = await stat(directory).catch(() => undefined);
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const accounts = await readFile('/etc/passwd', 'utf8');
  for (const name of ['postgres', 'nobody']) {
    const fields = accounts
      .split('\n')
      .map((line) => line.split(':'))
      .find(([account]) => account === name);
    const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
    if (fields && uid > 0) return { uid, gid };
  }
  throw new Error(
    'PostgreSQL does not run as root, and there is no account "postgres" or "nobody" to run it as: start the hub as an ordinary user',
  );
}

/** The first directory on the way to this one that the user may not enter; undefined when it is reachable. */
export async function closedParent(path: string, user: UnixUser): Promise<string | undefined> {
  if (user.uid === undefined) return undefined;
  const parents: string[] = [];
  for (let at = dirname(path); ; at = dirname(at)) {
    parents.unshift(at);
    if (at === dirname(at)) break;
  }
  for (const parent of parents) {
    const { mode, uid, gid } = await stat(parent);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return parent;
  }
  return undefined;
}
