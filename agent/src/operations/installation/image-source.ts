import * as Type from 'typebox';
import type { Static } from 'typebox';

/**
 * From where a customer's cluster gets the images that a release names: another host for a prefix, and the Secrets to log
 * in with. The digest is the vendor's, whatever the host. Kept with each generation, so that it runs on as it was applied.
 */
export const ImageSource = Type.Object({
  /** Longest `from` first; of a reference the first that fits counts. */
  mirrors: Type.Array(Type.Object({ from: Type.String(), to: Type.String() })),
  pullSecrets: Type.Array(Type.String()),
});
export type ImageSource = Static<typeof ImageSource>;

/** From where the release says. */
export const AS_SIGNED: ImageSource = { mirrors: [], pullSecrets: [] };
