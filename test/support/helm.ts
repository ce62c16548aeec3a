import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildProgram } from '../cluster/programs/programs.ts';

/** Helm as a person has it, with rights on the whole test cluster. */
export interface Helm {
  run(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

export async function helmOf(kubeconfig: string): Promise<Helm> {
  const program = await buildProgram('helm', console.error);
  const folder = await mkdtemp(join(tmpdir(), 'steward-helm-'));
  const homes = ['HOME', 'HELM_CACHE_HOME', 'HELM_CONFIG_HOME', 'HELM_DATA_HOME'].map((name) => [name, folder]);
  const env = { ...Object.fromEntries(homes), KUBECONFIG: kubeconfig };
  return {
    run: async (...args) => (await promisify(execFile)(program, args, { env, maxBuffer: 1 << 24 })).stdout,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
