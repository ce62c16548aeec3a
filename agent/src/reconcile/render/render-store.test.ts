import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import { packSet, type PackedSet, type SetMeta } from './release-set.ts';
import { RenderStore } from './render-store.ts';

const secrets = new Map<string, KubeObject>();
const kube = {
  apply: async (object: KubeObject) => (secrets.set(object.metadata.name, object), object),
  get: async (_ref: unknown, _namespace: unknown, name: string) => secrets.get(name),
  remove: async (_ref: unknown, _namespace: unknown, name: string) => secrets.delete(name),
};

const meta: SetMeta = {
  service: 'shop',
  version: '1.0.0',
  releaseDigest: 'r',
  parametersDigest: 'p',
  signedBy: 'k',
  counter: 1,
  deadlineSeconds: 60,
  settleSeconds: 0,
  permissions: [],
};

/** Of one object, whose content does not become smaller. */
function setOf(bytes: number): PackedSet {
  const data = { text: randomBytes(bytes).toString('base64') };
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop' }, data };
  const packed = packSet({ meta, objects: [object], hooks: [] });
  if (!packed) throw new Error('the set is too large');
  return packed;
}

it('a set that takes the place of a longer one is found without its reference, and leaves nothing behind', async () => {
  const store = new RenderStore({ kube, namespace: 'agent', signal: new AbortController().signal });
  await store.save('shop', 1, setOf(1_500_000));
  const reference = await store.save('shop', 1, setOf(1_000));
  expect(await store.find('shop', 1)).toMatchObject({ reference, set: { meta } });
  await store.remove(reference);
  expect([...secrets.keys()]).toEqual([]);
});
