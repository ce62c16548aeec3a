import { buildProgram } from '../cluster/programs/programs.ts';

/** Builds the registry, or finds it built, before the tests that run it: a first build takes longer than a hook may. */
export async function setup(): Promise<void> {
  await buildProgram('registry', (line) => process.stderr.write(`${line}\n`));
}
