import { inject } from 'vitest';
import type { Death } from './killable-client.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Whether an agent dies at each place where it can, or, where half an hour is all there is, at every third. */
    everyDeath: boolean;
  }
}

/** The changes of the cluster to die at, one by one until an operation survives it: each in `npm run test:long`, every third in `npm test`. */
export function writesToDieAt(when: Death['when']): number[] {
  const all = Array.from({ length: 30 }, (_, index) => index + 1);
  return inject('everyDeath') ? all : all.filter((write) => write % 3 === (when === 'before' ? 1 : 2));
}

/** Of a list of deaths all in `npm run test:long`, every third in `npm test`. */
export function someOf<Item>(deaths: readonly Item[]): readonly Item[] {
  return inject('everyDeath') ? deaths : deaths.filter((_, index) => index % 3 === 0);
}
