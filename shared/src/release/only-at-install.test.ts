import { expect, it } from 'vitest';
import { problemOfLaterSetting, settingAt } from './only-at-install.ts';

const release = (fallback?: unknown) => ({
  onlyAtInstall: ['servers', 'storage.class'],
  parameters: {
    properties: {
      servers: { type: 'integer', ...(fallback !== undefined && { default: fallback }) },
      storage: { type: 'object', properties: { class: { type: 'string', default: '' } } },
    },
  },
});

it('a setting is what was given, else what the release has as its default', () => {
  expect(settingAt(release(3), { servers: 1 }, 'servers')).toBe(1);
  expect(settingAt(release(3), {}, 'servers')).toBe(3);
  expect(settingAt(release(3), { storage: { percent: 5 } }, 'storage.class')).toBe('');
  expect(settingAt(release(3), {}, 'other.thing')).toBeUndefined();
});

it.each<[string, unknown, object, Record<string, unknown>, string | undefined]>([
  ['the same', 3, { servers: 3 }, { servers: 3 }, undefined],
  ['another', 3, { servers: 1 }, { servers: 3 }, 'servers is only set at installation: it is 3 here, and this would'],
  ['left out, as by default', 3, {}, { servers: 3 }, undefined],
  ['left out, with another default', 5, {}, { servers: 3 }, 'would make it 5'],
  ['set to what was the default', 5, { servers: 3 }, { servers: 3 }, undefined],
  ['another, inside of a map', 3, { storage: { class: 'fast' } }, { 'storage.class': '' }, 'storage.class is only set'],
  ['not known from before', 3, { servers: 1 }, {}, undefined],
  ['without any default', undefined, {}, { servers: 3 }, undefined],
])('%s: a default of %j and %j after %j', (_what, fallback, parameters, before, said) => {
  const problem = problemOfLaterSetting(release(fallback), { ...parameters }, (path) => before[path]);
  if (said === undefined) expect(problem).toBeUndefined();
  else expect(problem).toContain(said);
});

it('a release that lists nothing holds nothing', () => {
  const { parameters } = release(3);
  expect(problemOfLaterSetting({ parameters }, { servers: 1 }, () => 3)).toBeUndefined();
});
