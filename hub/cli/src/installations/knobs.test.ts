import { describe, expect, it } from 'vitest';
import type { Release } from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { knobLines, turnedKnobs } from './knobs.ts';
import { scaleRequest } from './scale-request.ts';

const release = {
  service: 'nats',
  version: '2.15.2',
  knobs: [
    { name: 'redundancy', title: 'Servers', path: 'redundancy', options: ['1', '3'] },
    { name: 'fill', title: 'Share', path: 'storage.percent', minimum: 50, maximum: 95, unit: '%' },
    { name: 'plan', title: 'Plan', path: 'plan', options: ['10', '20'] },
  ],
  parameters: {
    properties: {
      redundancy: { type: 'integer', default: 3 },
      storage: { properties: { percent: { type: 'number' } } },
      plan: { type: 'string' },
    },
  },
} as unknown as Release;

const refusal = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof CliError) return `${error.exitCode} ${error.message} ${error.action ?? ''}`;
  }
  throw new Error('it was not refused');
};

describe('knobs', () => {
  it('set the parameter they stand for, in the type that the release wants', () => {
    const values = { storage: { size: '1Gi' } };
    expect(turnedKnobs(release, values, ['redundancy=1', 'fill=72.5', 'plan=10'])).toEqual({
      storage: { size: '1Gi', percent: 72.5 },
      redundancy: 1,
      plan: '10',
    });
  });

  it('say their bounds when a value lies outside', () => {
    expect(refusal(() => turnedKnobs(release, {}, ['fill=99']))).toContain('2 fill takes 50 to 95 %, not 99');
    expect(refusal(() => turnedKnobs(release, {}, ['redundancy=2']))).toContain('2 redundancy takes 1, 3, not 2');
  });

  it('are listed with bounds and what they are at when one is not there', () => {
    const said = refusal(() => turnedKnobs(release, { storage: { percent: 80 } }, ['redundency=3']));
    expect(said).toContain('has no knob "redundency"');
    expect(said).toContain('redundancy = 3 (1, 3): Servers; fill = 80 (50 to 95 %): Share; plan = as the chart says');
    expect(knobLines(release, {})).toHaveLength(3);
    expect(refusal(() => turnedKnobs(release, {}, ['fill']))).toContain('KNOB=VALUE');
  });
});

describe('a scale', () => {
  const shop = {
    name: 'shop',
    workloads: [
      { kind: 'Deployment', name: 'web', health: 'healthy' as const },
      { kind: 'StatefulSet', name: 'db', health: 'healthy' as const },
      { kind: 'Deployment', name: 'db', health: 'healthy' as const },
      { kind: 'DaemonSet', name: 'log', health: 'healthy' as const },
    ],
  };

  it('finds the whole names, and gives counts back', () => {
    expect(scaleRequest(shop, ['web=5', 'StatefulSet/db=default', 'Deployment/other=0'])).toEqual({
      'Deployment/web': 5,
      'StatefulSet/db': null,
      'Deployment/other': 0,
    });
  });

  it.each([
    ['wbe=3', 'shop has no workload "wbe" Of shop can be scaled: Deployment/web, StatefulSet/db, Deployment/db.'],
    ['log=3', 'shop has no workload "log"'],
    ['db=3', '"db" is StatefulSet/db and Deployment/db'],
    ['web=many', '"web=many" does not say how many pods'],
    ['web=1001', 'up to 1000'],
    ['web', '"web" does not say how many pods'],
  ])('%s is refused', (setting, said) => {
    expect(refusal(() => scaleRequest(shop, [setting]))).toContain(said);
  });
});
