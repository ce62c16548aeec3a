import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import type { Managed } from './field-owners.ts';
import { patchToGiveBack } from '../adopt/hand-over.ts';
import { givenBack, takenOver } from './managed-fields.ts';

const object = (managedFields: Managed[], labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', managedFields, labels },
});
const entry = (manager: string, operation: string, fieldsV1: Record<string, unknown>, more: Managed = {}): Managed => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
  time: '2026-01-01T00:00:00Z',
  ...more,
});
const status = entry('kube-controller-manager', 'Update', { 'f:status': {} }, { subresource: 'status' });

describe('what Helm owns', () => {
  it("is ours after it was taken over, without Helm's marks, and everybody else keeps theirs", () => {
    const edited = entry('kubectl-edit', 'Update', { 'f:spec': { 'f:paused': {} } });
    const live = object([
      entry('helm', 'Update', {
        'f:metadata': { 'f:annotations': { 'f:meta.helm.sh/release-name': {}, 'f:own': {} } },
        'f:spec': { 'f:replicas': {} },
      }),
      entry('helm', 'Apply', { 'f:spec': { 'f:selector': {} } }, { time: '2026-02-01T00:00:00Z' }),
      edited,
      status,
    ]);
    const own = entry('steward-acme', 'Apply', {
      'f:metadata': { 'f:annotations': { 'f:own': {} } },
      'f:spec': { 'f:replicas': {}, 'f:selector': {} },
    });
    expect(takenOver(live, 'steward-acme')).toEqual([edited, status, { ...own, time: '2026-02-01T00:00:00Z' }]);
  });

  it('is left as it is when Helm owns nothing', () => {
    expect(takenOver(object([status]), 'steward-acme')).toBeUndefined();
  });

  it("is Helm's again, without our labels and the mark of a restart", () => {
    const annotations = { 'f:steward.dev/restart': {}, 'f:a': {} };
    const live = object([
      entry('steward-acme', 'Apply', {
        'f:metadata': { 'f:labels': { 'f:steward.dev/installation': {}, 'f:app': {} } },
        'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': annotations } } },
      }),
      status,
    ]);
    const fields = {
      'f:metadata': { 'f:labels': { 'f:app': {} } },
      'f:spec': { 'f:template': { 'f:metadata': { 'f:annotations': { 'f:a': {} } } } },
    };
    expect(givenBack(live, 'steward-acme')).toEqual([status, entry('helm', 'Apply', fields)]);
  });
});

describe('giving back', () => {
  const release = { releaseName: 'old', namespace: 'shop' };

  it("takes our labels off, puts Helm's marks on, and is done after that", () => {
    const labels = { 'steward.dev/installation': 'shop', app: 'web' };
    const patch = patchToGiveBack(object([], labels), { fieldManager: 'steward-acme', release });
    expect(patch).toEqual({
      metadata: {
        labels: { 'steward.dev/installation': null, 'app.kubernetes.io/managed-by': 'Helm' },
        annotations: { 'meta.helm.sh/release-name': 'old', 'meta.helm.sh/release-namespace': 'shop' },
      },
    });
    expect(patchToGiveBack(object([], { app: 'web' }), { fieldManager: 'steward-acme', release })).toBeUndefined();
  });

  it('gives what a hook made no marks of a release that it was never part of', () => {
    const live = object([], { 'steward.dev/hook': 'migrate' });
    expect(patchToGiveBack(live, { fieldManager: 'steward-acme', release: undefined })).toEqual({
      metadata: { labels: { 'steward.dev/hook': null }, annotations: {} },
    });
  });
});
