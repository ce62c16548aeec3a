import * as Type from 'typebox';
import type { Static } from 'typebox';
import { amountOf, compile } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { markOf } from '../../kube/mark.ts';
import { ownerOf } from '../../kube/object.ts';

/** What is kept of a PersistentVolumeClaim. */
export interface ClaimView {
  name: string;
  uid: string;
  mark: string;
  /** `Database/main` */
  owner?: string | undefined;
  phase: 'Pending' | 'Bound' | 'Lost';
  storageClass: string | undefined;
  createdMs: number;
  growing: Growth | undefined;
}

/** What a volume has and what its claim asks for, while the storage driver has not made it as large as asked. */
export interface Growth {
  from: string;
  to: string;
  /** The volume is as large as asked already; the file system in it is not. */
  isFileSystemLeft: boolean;
  /** Why it is not, in the words of the storage driver, which mostly goes on trying. */
  refused: string | undefined;
}

const Amount = Type.Optional(Type.Union([Type.String(), Type.Number()]));
const Conditions = Type.Optional(
  Type.Array(Type.Object({ type: Type.String(), status: Type.String(), message: Type.Optional(Type.String()) })),
);
type Conditions = Static<typeof Conditions>;

const decodeClaim = compile(
  Type.Object({
    metadata: Type.Object({
      name: Type.String(),
      uid: Type.String(),
      creationTimestamp: Type.Optional(Type.String()),
    }),
    spec: Type.Object({
      storageClassName: Type.Optional(Type.String()),
      resources: Type.Optional(Type.Object({ requests: Type.Optional(Type.Object({ storage: Amount })) })),
    }),
    status: Type.Optional(
      Type.Object({
        phase: Type.Optional(Type.Unsafe<ClaimView['phase']>({ type: 'string', enum: ['Pending', 'Bound', 'Lost'] })),
        capacity: Type.Optional(Type.Object({ storage: Amount })),
        conditions: Conditions,
      }),
    ),
  }),
);

/** The small view of a claim; undefined when it is not one that can be read. */
export function claimView(object: KubeObject): ClaimView | undefined {
  const decoded = decodeClaim(object);
  if (!decoded.ok) return undefined;
  const { metadata, spec, status } = decoded.value;
  return {
    name: metadata.name,
    uid: metadata.uid,
    mark: markOf(object),
    owner: ownerOf(object.metadata),
    phase: status?.phase ?? 'Pending',
    storageClass: spec.storageClassName,
    createdMs: Date.parse(metadata.creationTimestamp ?? ''),
    growing: growthOf(status?.capacity?.storage, spec.resources?.requests?.storage, status?.conditions),
  };
}

/** What a StatefulSet makes the volume claims of its pods of; a claim itself has these fields too. */
export const ClaimTemplate = Type.Object({
  metadata: Type.Object({ name: Type.String() }),
  spec: Type.Object({
    resources: Type.Optional(Type.Object({ requests: Type.Optional(Type.Object({ storage: Amount })) })),
  }),
});
export type ClaimTemplate = Static<typeof ClaimTemplate>;

/** The size that it asks for, as it is written. */
export function sizeOf({ spec }: ClaimTemplate): string | undefined {
  const size = spec.resources?.requests?.storage;
  return size === undefined ? undefined : String(size);
}

/** A StatefulSet, and the names of its claim templates. */
export const ClaimMaker = Type.Object({ set: Type.String(), templates: Type.Array(Type.String()) });
export type ClaimMaker = Static<typeof ClaimMaker>;

/** By its name, `<template>-<set>-<ordinal>`: Kubernetes marks a claim that a StatefulSet made in no other way. */
export function isClaimOf({ set, templates }: ClaimMaker, claim: string): boolean {
  return templates.some((template) => {
    const prefix = `${template}-${set}-`;
    return claim.startsWith(prefix) && /^\d+$/.test(claim.slice(prefix.length));
  });
}

function growthOf(
  has: string | number | undefined,
  asks: string | number | undefined,
  conditions: Conditions = [],
): Growth | undefined {
  const [capacity, request] = [amountOf(has), amountOf(asks)];
  if (capacity === undefined || request === undefined || capacity >= request) return undefined;
  const holding = conditions.filter(({ status }) => status === 'True');
  const refusal = holding.find(({ type }) => type === 'ControllerResizeError' || type === 'NodeResizeError');
  return {
    from: String(has),
    to: String(asks),
    isFileSystemLeft: holding.some(({ type }) => type === 'FileSystemResizePending' || type === 'NodeResizeError'),
    refused: refusal && wordsOf(refusal.message ?? ''),
  };
}

/** Without what Kubernetes puts before them. */
function wordsOf(message: string): string {
  return (/ desc = ([^]*)/.exec(message)?.[1] ?? message).trim().slice(0, 400);
}
