import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import { foundImagesOf, withFoundImages, type FoundImage } from './found-images.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const pinned = `docker.io/library/nats:2.15@${digest}`;
const deployment = (image: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { template: { spec: { containers: [{ name: 'nats', image }] } } },
});
const found = (more: Partial<FoundImage>): FoundImage => ({
  kind: 'Deployment',
  name: 'web',
  container: 'nats',
  image: 'nats:2.15',
  digests: [digest],
  ...more,
});

describe('images of a set that is adopted', () => {
  it.each<[string, Partial<FoundImage>, string]>([
    ['are named as they run, when that is the signed digest', {}, 'nats:2.15'],
    ['are named as they run, when no pod runs', { digests: [] }, 'nats:2.15'],
    ['are pinned when a pod runs another digest', { digests: [digest, `sha256:${'b'.repeat(64)}`] }, pinned],
    ['are pinned when a node does not say the digest', { digests: [''] }, pinned],
    ['are pinned when another tag runs', { image: 'nats:2.14' }, pinned],
    ['are pinned when it is another container', { container: 'other' }, pinned],
  ])('%s', (_, more, image) => {
    expect(withFoundImages([deployment(pinned)], [found(more)])).toEqual([deployment(image)]);
  });
});

describe('what runs of a workload', () => {
  const workload: KubeObject = {
    ...deployment('nats:2.15'),
    spec: { ...deployment('nats:2.15').spec, selector: { matchLabels: { app: 'web' } } },
  };
  const pod = (imageID: string | undefined, { app = 'web', phase = 'Running' } = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app } },
    status: { phase, ...(imageID !== undefined && { containerStatuses: [{ name: 'nats', imageID }] }) },
  });

  it('is told by the nodes of its pods, and by no others', () => {
    const pods = [
      pod(`docker.io/library/nats@${digest}`),
      pod(`x@sha256:${'c'.repeat(64)}`, { app: 'other' }),
      pod(`x@sha256:${'d'.repeat(64)}`, { phase: 'Failed' }),
    ];
    expect(foundImagesOf(workload, pods)).toEqual([found({})]);
    expect(foundImagesOf(workload, [])).toEqual([found({ digests: [] })]);
  });

  it('is not known where one of them says nothing', () => {
    expect(foundImagesOf(workload, [pod(`nats@${digest}`), pod(undefined)])).toEqual([
      found({ digests: [digest, ''] }),
    ]);
  });
});
