import { volumesImage } from '../cluster/images.ts';

/** Builds it before any test runs: the first build takes longer than a hook may. */
export async function setup(): Promise<void> {
  await volumesImage((line) => process.stderr.write(`${line}\n`));
}
