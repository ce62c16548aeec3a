import { homedir } from 'node:os';
import { join } from 'node:path';

export interface StartFolders {
  /** Everything `npm start` keeps between runs. */
  state: string;
  hub: string;
  bin: string;
  /** XDG_CONFIG_HOME of the `steward` command that start logs in. */
  config: string;
  releaseKey: string;
  /** What start made up and must remember: login, port. */
  record: string;
}

/** Not inside the repository: PostgreSQL runs as an unprivileged user, which must be able to get there. */
export function startFolders(): StartFolders {
  const base =
    process.getuid?.() === 0 ? '/var/lib' : (process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'));
  const state = join(base, 'steward-start');
  return {
    state,
    hub: join(state, 'hub'),
    bin: join(state, 'bin'),
    config: join(state, 'config'),
    releaseKey: join(state, 'release.key'),
    record: join(state, 'record.json'),
  };
}
