import type { IfUnderWay, HubFrameOf } from '@steward/shared';
import { readRunState } from '../wanted/run-state.ts';
import type { IntentRow } from './intents.repository.ts';

const MAX_NAME_CHARACTERS = 200;

/** The frame by which an agent learns what an installation should be. */
export function desiredFrame(row: IntentRow, traceparent: string): HubFrameOf<'desired'> {
  return {
    t: 'desired',
    tp: traceparent,
    b: {
      installationId: row.installationId,
      name: row.name,
      namespace: row.namespace,
      service: row.service,
      generation: row.generation,
      action: row.action,
      deleteVolumes: row.deleteVolumes,
      release: { digest: row.digest, version: row.version },
      parameters: row.parameters,
      ...(row.releaseName === null ? {} : { releaseName: row.releaseName }),
      ...(row.runState === null ? {} : { runState: readRunState(row.runState) }),
      operation: {
        id: row.operationId,
        kind: row.kind,
        requestedBy: row.requestedBy.slice(0, MAX_NAME_CHARACTERS),
        ...(row.requestReason === null ? {} : { reason: row.requestReason }),
        notAfter: row.notAfter.toISOString(),
        ...(row.toGeneration === null ? {} : { toGeneration: row.toGeneration }),
        ...(row.acceptDifferences ? { acceptDifferences: true } : {}),
        ...(row.kind === 'adopt' && row.hasRunWell ? { recovers: true } : {}),
      },
    },
  };
}

/** @param ifUnderWay what becomes of it when it is under way already; null: it goes on */
export function cancelFrame(
  operationId: string,
  requestedBy: string,
  ifUnderWay: IfUnderWay | null = null,
): HubFrameOf<'operation.cancel'> {
  const body = { operationId, requestedBy: requestedBy.slice(0, MAX_NAME_CHARACTERS) };
  return { t: 'operation.cancel', b: ifUnderWay === null ? body : { ...body, ifUnderWay } };
}
