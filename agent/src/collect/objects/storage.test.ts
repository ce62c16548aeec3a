import { expect, it } from 'vitest';
import { claimView } from './storage.ts';

const claim = (...conditions: object[]): unknown => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'data-db-0', uid: 'u' },
  spec: { resources: { requests: { storage: '2Gi' } } },
  status: { phase: 'Bound', capacity: { storage: '1024Mi' }, conditions },
});
const growing = (...conditions: object[]): unknown =>
  claimView(claim(...conditions) as Parameters<typeof claimView>[0])?.growing;

it('tells what a volume lacks, whether only its file system is behind, and why the storage driver refuses, in its words', () => {
  const lack = { from: '1024Mi', to: '2Gi', isFileSystemLeft: false, refused: undefined };
  expect(growing({ type: 'Resizing', status: 'True' })).toEqual(lack);
  expect(growing({ type: 'FileSystemResizePending', status: 'True' })).toEqual({ ...lack, isFileSystemLeft: true });
  const message = 'failed to expand pvc with rpc error: code = ResourceExhausted desc = no room: 1 GiB left';
  const refusal = { type: 'ControllerResizeError', status: 'True', message };
  expect(growing(refusal)).toEqual({ ...lack, refused: 'no room: 1 GiB left' });
  expect(growing({ ...refusal, status: 'False' })).toEqual(lack);
  const onNode = { ...refusal, type: 'NodeResizeError', message: 'no' };
  expect(growing(onNode)).toEqual({ ...lack, isFileSystemLeft: true, refused: 'no' });
});
