import { afterEach, beforeEach, expect, it } from 'vitest';
import type { KubeClient } from '../../kube/client.ts';
import { FakeApiServer } from '../../testing/fake-api-server.ts';
import { findVery } from './find-very.ts';

const NO_PATH = { status: 404, body: '404 page not found' };
let server: FakeApiServer;
let client: KubeClient;
/** The kinds that each version of the group has. */
let served: Map<string, string[]>;

beforeEach(async () => {
  server = new FakeApiServer();
  await server.start();
  client = server.client();
  served = new Map([['v1beta1', ['Widget', 'Gadget']]]);
  server.intercept = ({ path }) => {
    const [, , group, version, , , plural] = path.split('/');
    if (group !== 'turns.com') return undefined;
    if (version === undefined)
      return served.size === 0
        ? NO_PATH
        : { status: 200, body: { versions: [...served.keys()].map((name) => ({ version: name })) } };
    const kinds = served.get(version);
    if (!kinds) return NO_PATH;
    const resources = kinds.map((kind) => ({ name: kind.toLowerCase(), kind, namespaced: true }));
    if (plural === undefined) return { status: 200, body: { resources } };
    return resources.some(({ name }) => name === plural) ? undefined : NO_PATH;
  };
});
afterEach(() => server.stop());

/** @returns how many requests of discovery that took, and in which version what is found */
async function find(kind: string, name: string): Promise<{ asked: number; version: string | undefined }> {
  const before = server.seen.length;
  const entry = { group: 'turns.com', version: 'v1beta1', kind, namespace: 'n', name };
  const found = await findVery(client, entry, { signal: AbortSignal.timeout(5_000) });
  const asked = server.seen.slice(before).filter(({ path }) => !path.includes('/namespaces/')).length;
  return { asked, version: found?.ref.version };
}

function put(version: string, kind: string, name: string): void {
  const object = { apiVersion: `turns.com/${version}`, kind, metadata: { name, namespace: 'n' } };
  server.put(`/apis/turns.com/${version}/namespaces/n/${kind.toLowerCase()}/${name}`, object);
}

it('asks once how a kind is served, for however many objects, there or not', async () => {
  for (let index = 0; index < 300; index += 1) if (index % 2 === 0) put('v1beta1', 'Widget', `a${index}`);
  let discoveries = 0;
  for (let index = 0; index < 300; index += 1) {
    const { asked, version } = await find('Widget', `a${index}`);
    expect(version).toBe(index % 2 === 0 ? 'v1beta1' : undefined);
    discoveries += asked;
  }
  expect(discoveries).toBe(1);
  expect(server.seen).toHaveLength(301);
});

it('finds an object in another version of its group once the first is served no longer', async () => {
  for (const version of ['v1beta1', 'v1']) put(version, 'Widget', 'a');
  expect(await find('Widget', 'a')).toEqual({ asked: 1, version: 'v1beta1' });
  served = new Map([
    ['v1beta1', ['Gadget']],
    ['v1', ['Widget']],
  ]);
  expect(await find('Widget', 'a')).toMatchObject({ version: 'v1' });
  expect(await find('Widget', 'a')).toEqual({ asked: 0, version: 'v1' });
  expect(await find('Gadget', 'a')).toEqual({ asked: 0, version: undefined });
  served.delete('v1beta1');
  expect(await find('Gadget', 'a')).toMatchObject({ version: undefined });
  expect(await find('Widget', 'a')).toEqual({ asked: 0, version: 'v1' });
});

it('takes an object for gone when no version has its kind, and finds it when one has it again', async () => {
  put('v1beta1', 'Widget', 'a');
  expect(await find('Widget', 'a')).toMatchObject({ version: 'v1beta1' });
  const before = served;
  served = new Map();
  expect(await find('Widget', 'a')).toMatchObject({ version: undefined });
  served = before;
  expect(await find('Widget', 'a')).toMatchObject({ version: 'v1beta1' });
});
