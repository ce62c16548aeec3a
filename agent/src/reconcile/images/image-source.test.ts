import { describe, expect, it } from 'vitest';
import { AS_SIGNED } from '../../operations/installation/image-source.ts';
import type { KubeClient } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import { loadImageSource, mergeImageSources } from './load-image-source.ts';
import { withImageSource } from './with-image-source.ts';

function source(name: string, spec: object): Parameters<typeof mergeImageSources>[0][number] {
  return { apiVersion: 'steward.dev/v1alpha1', kind: 'ImageSource', metadata: { name }, spec };
}

describe('the customer’s image sources', () => {
  it('are nothing when there are none', () => {
    expect(mergeImageSources([], 'shop')).toEqual({ ok: true, value: { images: AS_SIGNED, chartPullSecrets: [] } });
  });

  it('are put together, the longest prefix first, of those for this installation', () => {
    const docker = { from: 'docker.io', to: 'mirror.example/docker' };
    const library = { from: 'docker.io/library', to: 'mirror.example:5000/library' };
    const merged = mergeImageSources(
      [
        source('a', { mirrors: [docker], pullSecrets: ['one'] }),
        source('b', {
          mirrors: [docker, library],
          installations: ['shop'],
          pullSecrets: ['two', 'one'],
          chartPullSecrets: ['c'],
        }),
        source('c', {
          mirrors: [{ from: 'quay.io', to: 'mirror.example/quay' }],
          installations: ['other'],
          chartPullSecrets: ['d'],
        }),
      ],
      'shop',
    );
    const images = { mirrors: [library, docker], pullSecrets: ['one', 'two'] };
    expect(merged).toEqual({ ok: true, value: { images, chartPullSecrets: ['c'] } });
  });

  it.each([
    ['no host', [source('a', { mirrors: [{ from: 'library', to: 'mirror.example' }] })], '"library" is not'],
    ['a tag', [source('a', { mirrors: [{ from: 'docker.io', to: 'mirror.example/x:1' }] })], '"mirror.example/x:1"'],
    ['a scheme', [source('a', { mirrors: [{ from: 'docker.io', to: 'https://mirror.example' }] })], '"https://'],
    ['a slash at the end', [source('a', { mirrors: [{ from: 'docker.io/', to: 'mirror.example' }] })], '"docker.io/"'],
    ['no installation', [source('a', { installations: [] })], '/spec/installations'],
    ['a name that no installation has', [source('a', { installations: ['prod/shop'] })], '/spec/installations/0'],
    ['a word that it does not know', [source('a', { mirror: [] })], 'ImageSource/a cannot be used'],
    [
      'two places for one',
      [
        source('a', { mirrors: [{ from: 'docker.io', to: 'one.example' }] }),
        source('b', { mirrors: [{ from: 'docker.io', to: 'two.example' }] }),
      ],
      'docker.io at two.example, and ImageSource/a has it at one.example',
    ],
  ])('are refused with %s', (_, objects, message) => {
    expect(mergeImageSources(objects, 'shop')).toMatchObject({
      ok: false,
      failure: { reason: 'image-source-invalid', message: expect.stringContaining(message) },
    });
  });
});

describe('image sources that the agent may not read', () => {
  const refused = new KubeError('imagesources.steward.dev is forbidden', { status: 403, reason: 'Forbidden' });
  const undefinedKind = new KubeError('the server could not find it', { status: 404, reason: 'NotFound' });

  async function found(error: KubeError, isDefined: boolean): Promise<unknown> {
    const kube = { list: () => Promise.reject(error), resourceOf: async () => (isDefined ? {} : undefined) };
    const where = { namespace: 'steward-acme', installation: 'shop', signal: AbortSignal.timeout(5_000) };
    return loadImageSource(kube as unknown as KubeClient, where);
  }

  it('are none only where the cluster does not know what they are', async () => {
    const none = { ok: true, value: { images: AS_SIGNED, chartPullSecrets: [] } };
    expect(await found(refused, false)).toEqual(none);
    expect(await found(undefinedKind, false)).toEqual(none);
    expect(await found(refused, true)).toMatchObject({
      ok: false,
      failure: { reason: 'missing-rights', message: expect.stringContaining('imagesources.steward.dev: get, list') },
    });
  });
});

describe('a workload with images from another source', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const object = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      template: {
        spec: {
          imagePullSecrets: [{ name: 'own' }],
          initContainers: [{ name: 'i', image: `nats@${digest}` }],
          containers: [
            { name: 'a', image: `docker.io/library/nats:2.15@${digest}` },
            { name: 'b', image: `docker.io/team/web:1@${digest}` },
            { name: 'c', image: `docker.iox/team/web:1@${digest}` },
          ],
          volumes: [{ name: 'v', image: { reference: `docker.io/team/data:1@${digest}` } }],
        },
      },
    },
  };
  const mirrors = [
    { from: 'docker.io/library', to: 'mirror.example:5000' },
    { from: 'docker.io', to: 'mirror.example/hub' },
  ];

  it('has each by the digest it had, and the pull secrets beside its own', () => {
    const changed = withImageSource(object, { mirrors, pullSecrets: ['own', 'corp'] });
    expect(changed.spec.template.spec).toEqual({
      imagePullSecrets: [{ name: 'own' }, { name: 'corp' }],
      initContainers: [{ name: 'i', image: `mirror.example:5000/nats@${digest}` }],
      containers: [
        { name: 'a', image: `mirror.example:5000/nats:2.15@${digest}` },
        { name: 'b', image: `mirror.example/hub/team/web:1@${digest}` },
        { name: 'c', image: `docker.iox/team/web:1@${digest}` },
      ],
      volumes: [{ name: 'v', image: { reference: `mirror.example/hub/team/data:1@${digest}` } }],
    });
    expect(object.spec.template.spec.imagePullSecrets).toEqual([{ name: 'own' }]);
  });

  it('stays the object it is without a source, and when it makes no pods', () => {
    expect(withImageSource(object, AS_SIGNED)).toBe(object);
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
    expect(withImageSource(map, { mirrors, pullSecrets: ['corp'] })).toBe(map);
  });
});
