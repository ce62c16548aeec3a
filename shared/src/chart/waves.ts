import type { RenderedObject } from './pod-specs.ts';

/** A whole number: objects of a lower wave are applied first, and are ready before the next wave begins. */
export const WAVE_ANNOTATION = 'steward.dev/wave';
const MAX_WAVE = 9_999;

/** The wave of an object; 0 for one that names none. @returns a sentence about what is wrong when it is no wave */
export function chartWaveOf({ metadata }: Pick<RenderedObject, 'metadata'>): number | string {
  const text = metadata.annotations?.[WAVE_ANNOTATION];
  if (text === undefined) return 0;
  const wave = /^[+-]?\d{1,4}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(wave))
    return `its ${WAVE_ANNOTATION} "${text.slice(0, 40)}" is no whole number from -${MAX_WAVE} to ${MAX_WAVE}`;
  // Not -0.
  return wave + 0;
}

/** The same of an object that was checked before, or that somebody may have changed since. */
export function waveOf(object: Pick<RenderedObject, 'metadata'>): number {
  const wave = chartWaveOf(object);
  return typeof wave === 'number' ? wave : 0;
}
