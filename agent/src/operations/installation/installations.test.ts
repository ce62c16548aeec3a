import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLog } from '../../log.ts';
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
  const patch = kube.patchStatus.bind(kube);
  const late = Promise.withResolvers<void>();
  vi.spyOn(kube, 'patchStatus').mockImplementationOnce(async (...args) => {
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
