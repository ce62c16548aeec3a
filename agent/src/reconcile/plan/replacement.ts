import * as Type from 'typebox';
import { canonicalJson, compile, fieldAt } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { isKubeError, type KubeError } from '../../kube/error.ts';
import { nameOf } from '../../kube/object.ts';
import type { ClaimMaker } from '../../collect/objects/storage.ts';
import { persist, TRIED } from '../../operations/persist.ts';
import { changesBetween } from '../fields/changed-fields.ts';
import { failed, type Failure } from '../outcome.ts';
import { makersIn } from '../volumes/claim-makers.ts';
import { fieldsAt, plannedResizes, templateChange, type ClaimResize } from './claims.ts';
import { reasonToKeep } from './inventory.ts';
import { refusalOf } from './refusal.ts';

/** How an object is deleted and made anew, because a field of it cannot change while it exists. */
export interface Replacement {
  uid: string;
  /** `Orphan`: its pods live on and are taken over by the new one. */
  propagation: 'Orphan' | 'Foreground';
  /** Only when the release allows it for the kind. */
  needsConsent: boolean;
  fields: string[];
  /** Made larger before. */
  resizes: ClaimResize[];
  /** Of what is replaced: its volumes stay. */
  claimMakers?: ClaimMaker[];
  /** Somebody is deleting it already: it is only awaited. */
  isGoing?: boolean;
}

/** Whether every cause of a refusal is a field that cannot be changed in place. */
export function isImmutable(error: KubeError): boolean {
  if (error.status !== 422) return false;
  const causes = error.causes.length > 0 ? error.causes.map(({ message = '' }) => message) : [error.message];
  return causes.every((message) => FIXED.test(message));
}

const FIXED =
  /immutable|updates to statefulset spec|may not change once set|pod updates may not change|can ?not (be unset|change roleRef)/i;

export interface ReplacementInput {
  kube: KubeClient;
  ref: ResourceRef;
  live: KubeObject;
  wanted: KubeObject;
  error: KubeError;
  /** Going back: a size that was made larger stays, and is no refusal. */
  mayAskLess: boolean;
  signal: AbortSignal;
}

type Judged = { ok: true; value: Replacement } | { ok: false; failure: Failure };

/** How an object could be replaced whose change in place is refused; or why not. The new one is tried by a dry run. */
export async function planReplacement(input: ReplacementInput): Promise<Judged> {
  const { ref, live, wanted, error } = input;
  const what = nameOf(live);
  const kept = reasonToKeep(ref.kind, live.metadata.annotations);
  if (kept !== undefined) {
    const { reason, message } = refusalOf(error, what);
    return failed(reason, `${message}. It is not replaced either: ${kept}`);
  }
  const replacement: Replacement = {
    uid: live.metadata.uid ?? '',
    propagation: 'Foreground',
    needsConsent: !isFinishedJob(live),
    fields: error.causes.flatMap(({ field }) => (field === undefined ? [] : [`${field}: cannot change in place`])),
    resizes: [],
  };
  const refused = ref.kind === 'StatefulSet' ? await judgeStatefulSet(input, replacement) : undefined;
  if (refused) return { ok: false, failure: refused };
  const invalid = await refusalOfNew(input, wanted);
  return invalid ? { ok: false, failure: invalid } : { ok: true, value: replacement };
}

/** A StatefulSet that keeps its selector leaves its pods running. */
async function judgeStatefulSet(input: ReplacementInput, replacement: Replacement): Promise<Failure | undefined> {
  const { kube, live, wanted, mayAskLess, signal } = input;
  const others = otherFixedFields(live, wanted);
  const change = templateChange(live, wanted);
  replacement.claimMakers = makersIn([live]);
  const sizes = [...change.larger, ...change.smaller].map(
    ({ name, from, to }) => `spec.volumeClaimTemplates[${name}].size: ${from} → ${to}`,
  );
  const beside = change.isSizeOnly ? [] : ['spec.volumeClaimTemplates'];
  replacement.fields = [...others, ...sizes, ...beside].slice(0, 20);
  replacement.needsConsent = others.length > 0 || !change.isSizeOnly;
  if (!others.includes('spec.selector')) replacement.propagation = 'Orphan';
  if (sizes.length === 0) return undefined;
  const resizes = await plannedResizes(kube, wanted, change, { mayAskLess, signal });
  if ('reason' in resizes) return resizes;
  replacement.resizes = resizes;
  return undefined;
}

/** What becomes of the pods of a StatefulSet that is replaced under them: asked by a dry run with the volumes it has. */
export async function podsOfReplaced(
  { propagation, needsConsent }: Replacement,
  input: Pick<ReplacementInput, 'kube' | 'live' | 'wanted' | 'signal'> & { fieldManager: string },
): Promise<string[]> {
  const { kube, fieldManager, live, wanted, signal } = input;
  if (propagation !== 'Orphan') return ['spec.template: its pods end, and new ones are made'];
  if (needsConsent) return [];
  const spec = { ...fieldsAt(wanted, ['spec']), volumeClaimTemplates: fieldAt(live, ['spec', 'volumeClaimTemplates']) };
  try {
    const dryRun = { fieldManager, force: true, dryRun: true, signal };
    const after = await persist(() => kube.apply({ ...wanted, spec }, dryRun), signal, TRIED);
    const changes = changesBetween(fieldAt(live, ['spec', 'template']), fieldAt(after, ['spec', 'template']), false);
    if (changes.length === 0) return ['spec.template: the same, its pods run on'];
    return [
      'spec.template: its pods are replaced in its own way',
      ...changes.map(({ shown }) => `spec.template.${shown}`),
    ];
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return [];
  }
}

const FixedFields = Type.Object({
  spec: Type.Object({
    selector: Type.Optional(Type.Unknown()),
    serviceName: Type.Optional(Type.String()),
    podManagementPolicy: Type.Optional(Type.String()),
  }),
});
const decodeFixed = compile(FixedFields);

function otherFixedFields(live: KubeObject, wanted: KubeObject): string[] {
  const [before, after] = [decodeFixed(live), decodeFixed(wanted)];
  if (!before.ok || !after.ok) return ['spec'];
  const [was, is] = [before.value.spec, after.value.spec];
  const found: string[] = [];
  if (canonicalJson(was.selector ?? null) !== canonicalJson(is.selector ?? null)) found.push('spec.selector');
  if ((was.serviceName ?? '') !== (is.serviceName ?? '')) found.push('spec.serviceName');
  if ((was.podManagementPolicy ?? 'OrderedReady') !== (is.podManagementPolicy ?? 'OrderedReady'))
    found.push('spec.podManagementPolicy');
  return found;
}

const decodeJob = compile(
  Type.Object({
    kind: Type.Literal('Job'),
    status: Type.Object({
      conditions: Type.Array(Type.Object({ type: Type.String(), status: Type.String() })),
    }),
  }),
);

/** What a Job did is done: that one of an older generation goes loses nothing. */
function isFinishedJob(live: KubeObject): boolean {
  const decoded = decodeJob(live);
  return (
    decoded.ok &&
    decoded.value.status.conditions.some(
      ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
    )
  );
}

/** Creating it by a dry run ends with `AlreadyExists` when all else about it is right. */
async function refusalOfNew({ kube, ref, signal }: ReplacementInput, wanted: KubeObject): Promise<Failure | undefined> {
  // Its ports and addresses are taken as long as the old one is there.
  if (ref.group === '' && ref.kind === 'Service') return undefined;
  try {
    await persist(() => kube.create(wanted, { dryRun: true, signal }), signal, TRIED);
    return undefined;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    return error.reason === 'AlreadyExists' ? undefined : refusalOf(error, nameOf(wanted));
  }
}
