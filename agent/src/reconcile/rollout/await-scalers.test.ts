import { expect, it } from 'vitest';
import { readScaler } from './await-scalers.ts';

const spec = { minReplicas: 2, maxReplicas: 5 };
const condition = (type: string, status: string, message = `${type} ${status}`): object => ({ type, status, message });
const able = condition('AbleToScale', 'True');
const active = condition('ScalingActive', 'True');

it.each([
  ['holds the count inside the bounds', { currentReplicas: 3, conditions: [able, active] }, true],
  ['has just raised it', { currentReplicas: 1, desiredReplicas: 2, conditions: [able, active] }, true],
  ['has not tried to measure', { currentReplicas: 1, desiredReplicas: 2, conditions: [able] }, false],
  ['has not looked yet', undefined, false],
  ['still has bounds of before', { currentReplicas: 1, desiredReplicas: 1, conditions: [able, active] }, false],
  [
    'cannot scale it',
    { currentReplicas: 3, conditions: [condition('AbleToScale', 'False', 'no scale'), active] },
    false,
  ],
] as const)('an autoscaler that %s', (_what, status, isActive) => {
  expect(readScaler('a', { spec, ...(status && { status }) })).toMatchObject({ isActive, blind: undefined });
});

it('says what its controller says', () => {
  const conditions = [able, condition('ScalingActive', 'False', 'no metrics')];
  expect(readScaler('a', { spec, status: { currentReplicas: 2, conditions } })).toMatchObject({
    isActive: true,
    blind: 'no metrics',
  });
  expect(readScaler('a', undefined)).toMatchObject({ isActive: false, able: 'It is not there' });
});
