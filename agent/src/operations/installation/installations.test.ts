import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AS_RELEASED, type DesiredState } from '@steward/shared';
import { createLog } from '../../log.ts';
import { FIRST_PUSH } from '../../testing/desired-state.ts';
import { FakeApiServer } from '../../testing/fake-api-server.ts';
import { Installations } from './installations.ts';

const path = '/apis/steward.dev/v1alpha1/namespaces/ns/installations/shop';
const object = {
  apiVersion: 'steward.dev/v1alpha1',
  kind: 'Installation',
  metadata: { name: 'shop', namespace: 'ns' },
};
const spec = { id: '11111111-1111-4111-8111-111111111111', service: 'web', namespace: 'shop' };

let server: FakeApiServer;
let end: AbortController;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  end = new AbortController();
});
afterEach(async () => {
  end.abort();
  await server.stop();
});

it('knows of an installation what was written last, though the answer to the write before it came later', async () => {
  server.put(path, { ...object, spec, status: { health: 'healthy' } });
  const kube = server.client();
  const patch = kube.setStatusFields.bind(kube);
  const late = Promise.withResolvers<void>();
  vi.spyOn(kube, 'setStatusFields').mockImplementationOnce(async (...args) => {
    const answer = await patch(...args);
    await late.promise;
    return answer;
  });
  const log = createLog({ write: () => {} });
  const installations = new Installations({ kube, namespace: 'ns', log, signal: end.signal, onChange: () => {} });
  await installations.load();
  const first = installations.write('shop', { version: '2.0.0' });
  const second = installations.write('shop', { health: 'progressing' });
  setTimeout(late.resolve, 100);
  await Promise.all([first, second]);
  expect(server.object(path)).toMatchObject({ status: { health: 'progressing', version: '2.0.0' } });
  expect(installations.byName('shop')).toMatchObject({ health: 'progressing', version: '2.0.0' });
});

it('goes on writing after a write that failed', async () => {
  const log = createLog({ write: () => {} });
  const options = { kube: server.client(), namespace: 'ns', log, signal: end.signal, onChange: () => {} };
  const installations = new Installations(options);
  await expect(installations.write('shop', { version: '2.0.0' })).rejects.toThrow('is not there any more');
  server.put(path, { ...object, spec, status: {} });
  await installations.write('shop', { version: '2.0.0' });
  expect(installations.byName('shop')).toMatchObject({ version: '2.0.0' });
});

it('leaves of a field nothing that is not said any more: no parameter, and nothing that is measured', async () => {
  const before: DesiredState = {
    ...FIRST_PUSH,
    parameters: { size: 2, deep: { a: 1, b: 2 } },
    runState: { ...AS_RELEASED, replicas: { 'Deployment/web': 3 } },
    operation: { id: spec.id, kind: 'scale', requestedBy: 'a', reason: 'load', notAfter: '2030-01-01T00:00:00Z' },
  };
  const metrics = { intervalSeconds: 60, resources: true, endpoints: [] };
  const schedule = { isStopped: false, held: 'frozen' };
  const was = { desired: before, metrics, schedule, counters: { key: 1 }, watched: ['Pod'] };
  server.put(path, { ...object, spec, status: was });
  const log = createLog({ write: () => {} });
  const options = { kube: server.client(), namespace: 'ns', log, signal: end.signal, onChange: () => {} };
  const installations = new Installations(options);
  const { runState: _, ...rest } = before;
  const { reason: __, ...operation } = before.operation;
  const now = {
    desired: { ...rest, parameters: { deep: { b: 3 } }, operation },
    metrics: { intervalSeconds: 30, endpoints: [] },
    schedule: { isStopped: true },
    counters: { key: 2, other: 1 },
  };
  await installations.write('shop', now);
  expect(server.object(path)?.['status']).toEqual({ ...now, watched: ['Pod'] });
});
