import { expect, it } from 'vitest';
import type { HistoryEntry } from '../../../operations/installation/installation-object.ts';
import { endWithoutGeneration } from './ends.ts';
import type { Run } from './run.ts';

function entry(generation: number, more: Partial<HistoryEntry> = {}): HistoryEntry {
  const renderRef = `render-shop-g${generation}`;
  return { generation, version: '1', releaseDigest: '', parametersDigest: '', renderRef, at: '', ...more };
}

/** Ends generation 2. @returns what is written into the installation */
async function ended(history: HistoryEntry[]): Promise<object> {
  let written = {};
  const run = {
    context: {
      installations: { write: async (_name: string, status: object) => void (written = status) },
      renders: { remove: async () => {} },
    },
    installation: { name: 'shop', status: { history } },
    record: { spec: { generation: 2 }, status: { renderRef: 'render-shop-g2' } },
    move: async () => {},
  };
  await endWithoutGeneration(run as unknown as Run, { state: 'rolled-back', message: 'it did not work' });
  return written;
}

it('takes a generation out of the history that was written there before it came to nothing', async () => {
  expect(await ended([entry(2), entry(1)])).toMatchObject({ history: [entry(1)], unneeded: ['render-shop-g2'] });
});

it('keeps one that took the place of the generation whose set it runs', async () => {
  const written = await ended([entry(2, { setGeneration: 1, renderRef: 'render-shop-g1' })]);
  expect(written).not.toHaveProperty('history');
});
