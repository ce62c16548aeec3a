import { afterEach, expect, it } from 'vitest';
import { createLog } from '../../log.ts';
import { InstallationGoneError } from '../../operations/installation/installations.ts';
import { Slots } from '../render/slots.ts';
import { DRIFT_TIMINGS, InstallationDrift, type InstallationDriftOptions } from './installation-drift.ts';

const { signal } = new AbortController();
let drift: InstallationDrift | undefined;
afterEach(() => drift?.stop());

/** Of an installation of which nothing runs that could drift. */
function driftOf(read: () => Promise<void>): InstallationDrift {
  const installations = { read: async () => (await read(), { status: { state: 'failed', history: [] } }) };
  const context = { installations, log: createLog({ write: () => {} }), kube: {} };
  drift = new InstallationDrift({
    context: context as unknown as InstallationDriftOptions['context'],
    name: 'shop',
    namespace: 'shop',
    timings: DRIFT_TIMINGS,
    slots: new Slots(1),
    tell: () => {},
    onDue: () => {},
    signal,
  });
  drift.lookAtAll(0);
  return drift;
}

it('looks once more when it was asked to during a look, and not otherwise', async () => {
  const reading = Promise.withResolvers<void>();
  const asked = driftOf(() => reading.promise);
  const look = asked.check(signal);
  asked.lookAtAll(0);
  reading.resolve();
  await look;
  expect(asked.isDue).toBe(true);
  await asked.check(signal);
  expect(asked.isDue).toBe(false);
});

it('says of an installation that it is gone, and looks for it again only a while later', async () => {
  const gone = driftOf(() => Promise.reject(new InstallationGoneError('gone')));
  await expect(gone.check(signal)).rejects.toThrow(InstallationGoneError);
  expect(gone.isDue).toBe(false);
});

it('is due again when an operation came first', async () => {
  const comes = new AbortController();
  const interrupted = driftOf(async () => {
    comes.abort(new Error('an operation comes first'));
    comes.signal.throwIfAborted();
  });
  await expect(interrupted.check(comes.signal)).rejects.toThrow();
  expect(interrupted.isDue).toBe(true);
});
