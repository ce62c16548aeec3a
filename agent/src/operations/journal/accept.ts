import { releaseNameOf, reservedNamespace, type DesiredState, type OperationFailure } from '@steward/shared';
import type { InstallationState } from '../installation/installation-object.ts';

/** As much of an installation as is kept in memory while nothing is done to it. */
export interface KnownInstallation {
  id: string;
  name: string;
  service: string;
  namespace: string;
  /** As which its chart is rendered; undefined before anything was asked of it. */
  releaseName: string | undefined;
  generation: number;
  state: InstallationState;
  formerIds: readonly string[];
}

export interface Known {
  installations: readonly KnownInstallation[];
  /** True when the journal holds the operation: its answer stands. */
  isJournalled: boolean;
  /** The highest generation of this installation in the journal; 0 when there is none. */
  journalledGeneration: number;
  /** Operations of the installation that the hub has not confirmed to the end. */
  unconfirmed: number;
  /** Of removed installations of that name, as the journal has them: their Installation object may be being made anew. */
  formerIds: readonly string[];
  /** Namespaces no service may be installed into. */
  reserved: ReadonlySet<string>;
  now: Date;
}

/** More than this many unconfirmed operations of one installation are not journalled. */
export const MAX_UNCONFIRMED = 100;

export type Acceptance =
  /** The operation is in the journal: say again what it says. */
  | { kind: 'known' }
  | { kind: 'accept' }
  /** Nothing was written and nothing will be. When the frame comes again it is refused again, and the hub keeps the first answer. */
  | { kind: 'refuse'; state: 'failed' | 'expired'; reason: OperationFailure; message: string };

/** How it is refused where an Operation of its kind cannot be written. */
export const DEFINITIONS_TOO_OLD = {
  state: 'failed',
  reason: 'agent-too-old',
  message:
    'the definition of Operation in this cluster is older than its agent and does not take this kind of operation',
} as const;

/** Whether a desired state is taken into the journal. Pure. */
export function acceptanceOf(desired: DesiredState, known: Known): Acceptance {
  if (known.isJournalled) return { kind: 'known' };
  const { installationId, name, namespace, service, generation, operation } = desired;
  const refuse = (reason: OperationFailure, message: string): Acceptance => ({
    kind: 'refuse',
    state: 'failed',
    reason,
    message,
  });
  const reserved = reservedNamespace(namespace);
  if (reserved !== undefined || known.reserved.has(namespace)) {
    const why = reserved ?? 'it is the namespace of an agent';
    return refuse('foreign-namespace', `no service is installed into namespace ${namespace}: ${why}`);
  }
  const same = known.installations.find(({ id }) => id === installationId);
  const conflict = same ? changeOf(same, desired) : clashOf(known, desired);
  if (conflict !== undefined) return refuse('conflict', conflict);
  const seen = Math.max(same?.generation ?? 0, known.journalledGeneration);
  if (generation <= seen)
    return refuse(
      'superseded',
      `generation ${generation} of ${name} is not above the highest this agent has seen: nothing goes backwards`,
    );
  if (known.unconfirmed >= MAX_UNCONFIRMED)
    return refuse('internal', `the hub has not confirmed the last ${known.unconfirmed} operations of ${name}`);
  if (Date.parse(operation.notAfter) <= known.now.getTime()) {
    const message = `${operation.kind} of ${service} was to be started before ${operation.notAfter}; by the clock of this cluster's API server it is ${known.now.toISOString()}`;
    return { kind: 'refuse', state: 'expired', reason: 'expired', message };
  }
  return { kind: 'accept' };
}

/** What an installation may never change. */
function changeOf(same: KnownInstallation, desired: DesiredState): string | undefined {
  const { name, namespace, service } = desired;
  const was = `${same.name} is ${same.service} in namespace ${same.namespace}`;
  if (same.state === 'removed') return `${was} and was removed`;
  if (same.name !== name || same.namespace !== namespace || same.service !== service)
    return `${was}: it cannot become ${service} as ${name} in namespace ${namespace}`;
  const releaseName = releaseNameOf(desired);
  // Everything of it would be made once more beside what runs.
  if (same.releaseName !== undefined && same.releaseName !== releaseName)
    return `${was}, rendered as ${same.releaseName}: it cannot be rendered as ${releaseName}`;
  return undefined;
}

function clashOf(
  { installations, formerIds }: Pick<Known, 'installations' | 'formerIds'>,
  { installationId, name, namespace }: DesiredState,
): string | undefined {
  if (formerIds.includes(installationId)) return `this installation of ${name} was removed`;
  for (const other of installations) {
    if (other.formerIds.includes(installationId)) return `this installation of ${name} was removed`;
    if (other.state === 'removed') continue;
    if (other.name === name) return `another installation here is named ${name}`;
    if (other.namespace === namespace)
      return `namespace ${namespace} belongs to the installation ${other.name}: each has one of its own`;
  }
  return undefined;
}
