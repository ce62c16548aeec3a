import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import { pruned } from './pruned.ts';

const object = (spec: Record<string, unknown>, annotations: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', annotations },
  spec,
});

describe('an object without what is owned and not wanted', () => {
  it('loses such fields, keeps what others own, and what is wanted', () => {
    const live = object({ replicas: 2, paused: true, strategy: { type: 'Recreate', others: 1 } });
    const owned = { 'f:spec': { 'f:replicas': {}, 'f:paused': {}, 'f:strategy': { 'f:type': {} } } };
    expect(pruned(live, object({ replicas: 3 }), owned)['spec']).toEqual({ replicas: 2, strategy: { others: 1 } });
  });

  it('loses items by their key, and fields of items that stay', () => {
    const live = object({
      containers: [
        { name: 'web', image: 'a', stdin: true },
        { name: 'sidecar', image: 'b' },
        { name: 'injected', image: 'c' },
      ],
      ports: [{ port: 80, protocol: 'TCP' }],
    });
    const owned = {
      'f:spec': {
        'f:containers': {
          'k:{"name":"web"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:stdin': {} },
          'k:{"name":"sidecar"}': { '.': {}, 'f:name': {}, 'f:image': {} },
        },
        'f:ports': { 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } },
      },
    };
    const wanted = object({ containers: [{ name: 'web', image: 'a' }], ports: [{ port: 80 }] });
    expect(pruned(live, wanted, owned)['spec']).toEqual({
      containers: [
        { name: 'web', image: 'a' },
        { name: 'injected', image: 'c' },
      ],
      ports: [{ port: 80 }],
    });
  });

  it('loses a map that has nothing left', () => {
    const live = object({}, { a: '1' });
    const owned = { 'f:metadata': { 'f:annotations': { '.': {}, 'f:a': {} } } };
    const { annotations: _, ...metadata } = object({}).metadata;
    expect(pruned(live, { ...object({}), metadata }, owned).metadata).toEqual({ name: 'web' });
  });
});
