import { amountOf, canonicalJson, compile, fieldAt, isRecord } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { ClaimTemplate, claimView, isClaimOf, sizeOf } from '../../collect/objects/storage.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { nameOf } from '../../kube/object.ts';
import { persist, type PersistOptions } from '../../operations/persist.ts';
import { patience, type Until } from '../execute/patience.ts';
import type { Failure } from '../outcome.ts';
import { templatesOf } from '../volumes/claim-makers.ts';
import { refusalOf } from './refusal.ts';

/** A claim of a StatefulSet that is to become larger; or to ask for less than it was refused. */
export interface ClaimResize {
  namespace: string;
  name: string;
  from: string;
  to: string;
}

const decodeClaim = compile(ClaimTemplate);

/** How the volumes that a StatefulSet makes for its pods are to change. */
export interface TemplateChange {
  /** Names of templates whose size is asked larger, and smaller, with both sizes. */
  larger: { name: string; from: string; to: string }[];
  smaller: { name: string; from: string; to: string }[];
  /** Nothing but sizes differs. */
  isSizeOnly: boolean;
}

/** Compares the claim templates of a StatefulSet as it is and as it is wanted. Pure. */
export function templateChange(live: KubeObject, wanted: KubeObject): TemplateChange {
  const [before, after] = [templatesOf(live), templatesOf(wanted)];
  const change: TemplateChange = { larger: [], smaller: [], isSizeOnly: before.length === after.length };
  for (const template of after) {
    const { name } = template.metadata;
    const old = before.find(({ metadata }) => metadata.name === name);
    if (!old) {
      change.isSizeOnly = false;
      continue;
    }
    if (differsBesideSize(old, template)) change.isSizeOnly = false;
    const [from, to] = [sizeOf(old) ?? '0', sizeOf(template) ?? '0'];
    const difference = amountAt(to) - amountAt(from);
    if (difference > 0) change.larger.push({ name, from, to });
    if (difference < 0) change.smaller.push({ name, from, to });
  }
  return change;
}

/**
 * How the claims that the templates of this StatefulSet made follow them: each is asked for the new size, checked by a dry run.
 * One that asks for more, which the storage driver refused, asks for less again where Kubernetes lets it.
 */
export async function plannedResizes(
  kube: KubeClient,
  wanted: KubeObject,
  { larger, smaller }: TemplateChange,
  { mayAskLess, signal }: { mayAskLess: boolean; signal: AbortSignal },
): Promise<ClaimResize[] | Failure> {
  const { name: set, namespace = '' } = wanted.metadata;
  const all = await persist(() => kube.list(WATCHED.PersistentVolumeClaim.ref, namespace, { signal }), signal);
  const claimsOf = (template: string): KubeObject[] =>
    all.filter(({ metadata }) => isClaimOf({ set, templates: [template] }, metadata.name));
  const resizes: ClaimResize[] = [];
  for (const { name: template, from, to } of [...smaller, ...larger]) {
    const claims = claimsOf(template);
    const isSmaller = amountAt(from) > amountAt(to);
    if (isSmaller && !mayAskLess && !(claims.length > 0 && claims.every((claim) => mayFollow(claim, to))))
      return {
        reason: 'apply-refused',
        message: cannotShrink(`the volumes "${template}" of StatefulSet/${set}`, { from, to }),
      };
    for (const claim of claims) {
      const asked = sizeAsked(claim);
      if (asked === undefined || amountAt(asked) === amountAt(to)) continue;
      const resize = { namespace, name: claim.metadata.name, from: asked, to };
      const isLess = amountAt(asked) > amountAt(to);
      if (isLess && !hasStayedBelow(claim, to)) continue;
      const refused = await dryRun(kube, resize, signal);
      if (refused && !isLess) return refused;
      if (!refused) resizes.push(resize);
    }
  }
  return resizes;
}

/** Also one that has followed already, before a kill or by somebody's hand. */
function mayFollow(claim: KubeObject, size: string): boolean {
  const capacity = fieldsAt(claim, ['status', 'capacity'])['storage'];
  const hasFollowed = [sizeAsked(claim), capacity].every((amount) => amountAt(amount) <= amountAt(size));
  return hasFollowed || hasStayedBelow(claim, size);
}

/** Its volume is no larger than that, and the storage driver refuses to make it so. */
function hasStayedBelow(claim: KubeObject, size: string): boolean {
  const growing = claimView(claim)?.growing;
  return growing?.refused !== undefined && !growing.isFileSystemLeft && amountAt(growing.from) <= amountAt(size);
}

/** None where there is none. */
function amountAt(size: unknown): number {
  return amountOf(size) ?? 0;
}

/**
 * Asks for the size that was planned. The same again changes nothing, and to ask for less is left where the volume has become
 * larger meanwhile.
 */
export async function carryOutResize(
  kube: KubeClient,
  resize: ClaimResize,
  options: { fieldManager: string; signal: AbortSignal } & Until,
): Promise<void> {
  const isLess = amountAt(resize.from) > amountAt(resize.to);
  await resizeClaim(kube, resize, options, patience(options)).catch((error: unknown) => {
    if (!isLess || !isKubeError(error) || error.status !== 422) throw error;
  });
}

async function resizeClaim(
  kube: KubeClient,
  { namespace, name, to }: ClaimResize,
  options: { dryRun?: boolean; fieldManager?: string; signal: AbortSignal },
  until: PersistOptions = {},
): Promise<void> {
  const patch = { spec: { resources: { requests: { storage: to } } } };
  const { ref } = WATCHED.PersistentVolumeClaim;
  await persist(() => kube.mergePatch(ref, namespace, name, patch, options), options.signal, until);
}

async function dryRun(kube: KubeClient, resize: ClaimResize, signal: AbortSignal): Promise<Failure | undefined> {
  try {
    await resizeClaim(kube, resize, { dryRun: true, signal });
    return undefined;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    const { reason, message } = refusalOf(error, `PersistentVolumeClaim/${resize.name}`);
    if (reason === 'missing-rights') return { reason, message };
    const why = `PersistentVolumeClaim/${resize.name} cannot grow from ${resize.from} to ${resize.to}: ${message}`;
    return { reason, message: `${why}. Its StorageClass must have allowVolumeExpansion: true` };
  }
}

/** A claim of the set that asks for at least as much as the one that lives: no volume becomes smaller. */
export function withLiveSize(claim: KubeObject, live: KubeObject): KubeObject {
  const [asked, has] = [sizeAsked(claim), sizeAsked(live)];
  if (asked === undefined || has === undefined || amountAt(has) <= amountAt(asked)) return claim;
  const [spec, resources] = [fieldsAt(claim, ['spec']), fieldsAt(claim, ['spec', 'resources'])];
  const requests = { ...fieldsAt(claim, ['spec', 'resources', 'requests']), storage: has };
  return { ...claim, spec: { ...spec, resources: { ...resources, requests } } };
}

/** Names of claims that ask for less than they did in another set: to make a volume smaller is refused. */
export function shrinkingClaims(objects: readonly KubeObject[], before: readonly KubeObject[]): Set<string> {
  const sizes = new Map(before.filter(isClaim).map((claim) => [claim.metadata.name, sizeAsked(claim)]));
  const shrinking = objects.filter(isClaim).filter((claim) => {
    const was = sizes.get(claim.metadata.name);
    return was !== undefined && amountAt(sizeAsked(claim)) < amountAt(was);
  });
  return new Set(shrinking.map(({ metadata }) => metadata.name));
}

export function isClaim({ apiVersion, kind }: KubeObject): boolean {
  return apiVersion === 'v1' && kind === WATCHED.PersistentVolumeClaim.ref.kind;
}

/** Why a size is refused, and what may be done. */
export function cannotShrink(what: string, { from, to }: { from: string; to: string }): string {
  return `${what} cannot shrink from ${from} to ${to}: Kubernetes never makes a volume smaller. Set at least ${from}, or move the data to a new installation`;
}

/** What becomes of a claim that somebody is deleting, which nobody can take back, and what may be done; `then`: after the stop. */
export function goingClaim(
  live: KubeObject,
  installation: string,
  then = 'restore it, or leave it to the next push to begin with an empty one; and start again',
): string {
  const held = live.metadata.finalizers?.join(', ') ?? 'nothing';
  return [
    `${nameOf(live)} is being deleted: it goes, with what is in it, when the last pod that uses it ends, and no new pod can use it (it is held by ${held}).`,
    'That cannot be taken back. While its pods run, save what is in it, or have its PersistentVolume kept (persistentVolumeReclaimPolicy: Retain).',
    `Then let it go: steward stop ${installation}; ${then}`,
  ].join(' ');
}

/** What a claim asks for, as it is written. */
export function sizeAsked(claim: KubeObject): string | undefined {
  const decoded = decodeClaim(claim);
  return decoded.ok ? sizeOf(decoded.value) : undefined;
}

export function fieldsAt(object: KubeObject, path: string[]): Record<string, unknown> {
  const value = fieldAt(object, path);
  return isRecord(value) ? value : {};
}

/** Only what is wanted counts: the API server adds its defaults. */
function differsBesideSize(live: unknown, wanted: unknown, path = ''): boolean {
  if (path === '.spec.resources.requests.storage' || path === '.status') return false;
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted))
    return canonicalJson(live ?? null) !== canonicalJson(wanted ?? null);
  const known: Record<string, unknown> = typeof live === 'object' && live !== null ? { ...live } : {};
  return Object.entries(wanted).some(([key, value]) => differsBesideSize(known[key], value, `${path}.${key}`));
}
