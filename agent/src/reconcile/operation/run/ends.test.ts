import { expect, it } from 'vitest';
import { endBeforeChange } from './ends.ts';
import type { Run } from './run.ts';

it.each([
  ['runs', { state: 'running', version: '1.0.0' }, 'Nothing else was changed: 1.0.0 runs on'],
  ['runs again', { state: 'rolled-back', version: undefined }, 'Nothing else was changed: 1.0.0 runs on'],
  ['is not certain', { state: 'failed', version: undefined }, 'Nothing else was changed: all is as it was left'],
  ['was left half removed', { state: 'failed', version: '1.0.0' }, 'Nothing else was changed: all is as it was left'],
  ['never was whole', { state: 'failed', history: [] }, 'Nothing else was applied'],
])(
  'an end before the first change says no more of what runs than is known: what stands there %s',
  async (_, status, said) => {
    const written: object[] = [];
    const run = {
      installation: { name: 'shop', status: { history: [{ version: '1.0.0', renderRef: 'r' }], ...status } },
      record: { status: {} },
      context: { installations: { write: async (_name: string, patch: object) => void written.push(patch) } },
      move: async (move: object) => void written.push(move),
    };
    await endBeforeChange(run as unknown as Run, { reason: 'hook-failed', message: 'it failed' }, ['Mend it']);
    const message = `it failed. ${said}. Mend it`;
    expect(written).toMatchObject([{ message }, { state: 'failed', reason: 'hook-failed', message }]);
  },
);
