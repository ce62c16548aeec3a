import { describe, expect, it } from 'vitest';
import type { KubeObject, ObjectMeta } from '../../kube/client.ts';
import { foreignOwnerOf } from './foreign-owner.ts';

const ofHelm = { 'meta.helm.sh/release-name': 'old', 'meta.helm.sh/release-namespace': 'shop' };
const map = (metadata: Partial<ObjectMeta>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
});
const question = { release: { releaseName: 'old', namespace: 'shop' }, fieldManager: 'steward-acme' };
const manager = (name: string, subresource?: string) => ({
  manager: name,
  operation: 'Apply',
  ...(subresource !== undefined && { subresource }),
});

describe('the owner of an object that is to be adopted', () => {
  it.each<[string, Partial<ObjectMeta>, string | undefined]>([
    ['the release itself', { annotations: ofHelm }, undefined],
    ['another release', { annotations: { ...ofHelm, 'meta.helm.sh/release-name': 'x' } }, 'the Helm release x'],
    [
      'the same name elsewhere',
      { annotations: { ...ofHelm, 'meta.helm.sh/release-namespace': 'x' } },
      'the Helm release old',
    ],
    ['nobody that it tells', {}, 'somebody else'],
    ['Argo CD, by its annotation', { annotations: { ...ofHelm, 'argocd.argoproj.io/tracking-id': 'x' } }, 'Argo CD'],
    ['Argo CD, by its label', { annotations: ofHelm, labels: { 'argocd.argoproj.io/instance': 'x' } }, 'Argo CD'],
    ['Flux with its own use of Helm', { annotations: ofHelm, labels: { 'helm.toolkit.fluxcd.io/name': 'x' } }, 'Flux'],
    ['Flux, by its manager', { annotations: ofHelm, managedFields: [manager('kustomize-controller')] }, 'Flux'],
    [
      'another installation',
      { annotations: ofHelm, labels: { 'steward.dev/installation': 'x' } },
      'the installation x',
    ],
    [
      'another agent',
      { annotations: ofHelm, managedFields: [manager('steward-other')] },
      'another agent of Steward (steward-other)',
    ],
    ['our agent of an earlier try', { annotations: ofHelm, managedFields: [manager('steward-acme')] }, undefined],
    [
      'a controller',
      {
        annotations: ofHelm,
        ownerReferences: [{ apiVersion: 'a/v1', kind: 'Shop', name: 's', uid: 'u', controller: true }],
      },
      'Shop/s',
    ],
  ])('is %s', (_, metadata, owner) => {
    expect(foreignOwnerOf(map(metadata), question)).toBe(owner);
  });
});
