import { expect, it } from 'vitest';
import { chartWaveOf, WAVE_ANNOTATION, waveOf } from './waves.ts';

it.each([
  [undefined, 0],
  ['0', 0],
  ['-0', 0],
  ['-1', -1],
  ['+5', 5],
  ['9999', 9999],
])('the wave %j is %j', (text, wave) => {
  const annotations = text === undefined ? {} : { [WAVE_ANNOTATION]: text };
  expect(chartWaveOf({ metadata: { name: 'a', annotations } })).toBe(wave);
});

it.each(['', 'first', '1.5', '1e3', '10000', ' 1'])('the wave %j is none, and counts as 0 where it lives', (text) => {
  const object = { metadata: { name: 'a', annotations: { [WAVE_ANNOTATION]: text } } };
  expect(chartWaveOf(object)).toContain('is no whole number');
  expect(waveOf(object)).toBe(0);
});
