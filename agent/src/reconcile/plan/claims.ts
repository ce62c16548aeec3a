import { amountOf, canonicalJson, compile } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { isClaimOf } from '../../collect/objects/storage.ts';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { persist } from '../../operations/persist.ts';
import type { Failure } from '../outcome.ts';
import { ClaimTemplate, templatesOf } from '../volumes/claim-makers.ts';
import { refusalOf } from './refusal.ts';

/** A claim of a StatefulSet that is to become larger. */
export interface ClaimGrowth {
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
    const difference = (amountOf(to) ?? 0) - (amountOf(from) ?? 0);
    if (difference > 0) change.larger.push({ name, from, to });
    if (difference < 0) change.smaller.push({ name, from, to });
  }
  return change;
}

/** Every claim that a template of this StatefulSet made and that asks for less than it now should, checked by a dry run. */
export async function plannedGrowth(
  kube: KubeClient,
  wanted: KubeObject,
  { larger }: TemplateChange,
  signal: AbortSignal,
): Promise<ClaimGrowth[] | Failure> {
  const { name: set, namespace = '' } = wanted.metadata;
  const claims = await persist(() => kube.list(WATCHED.PersistentVolumeClaim.ref, namespace, { signal }), signal);
  const growths: ClaimGrowth[] = [];
  for (const { name: template, to } of larger)
    for (const claim of claims) {
      const { name } = claim.metadata;
      if (!isClaimOf({ set, templates: [template] }, name)) continue;
      const decoded = decodeClaim(claim);
      const from = decoded.ok ? sizeOf(decoded.value) : undefined;
      if (from === undefined || (amountOf(from) ?? 0) >= (amountOf(to) ?? 0)) continue;
      const growth = { namespace, name, from, to };
      const refused = await dryRun(kube, growth, signal);
      if (refused) return refused;
      growths.push(growth);
    }
  return growths;
}

/** Asks for the larger size. The same again changes nothing. */
export async function growClaim(
  kube: KubeClient,
  { namespace, name, to }: ClaimGrowth,
  options: { dryRun?: boolean; fieldManager?: string; signal: AbortSignal },
): Promise<void> {
  const patch = { spec: { resources: { requests: { storage: to } } } };
  const { ref } = WATCHED.PersistentVolumeClaim;
  await persist(() => kube.mergePatch(ref, namespace, name, patch, options), options.signal);
}

async function dryRun(kube: KubeClient, growth: ClaimGrowth, signal: AbortSignal): Promise<Failure | undefined> {
  try {
    await growClaim(kube, growth, { dryRun: true, signal });
    return undefined;
  } catch (error) {
    if (!isKubeError(error)) throw error;
    const { reason, message } = refusalOf(error, `PersistentVolumeClaim/${growth.name}`);
    if (reason === 'missing-rights') return { reason, message };
    const why = `PersistentVolumeClaim/${growth.name} cannot grow from ${growth.from} to ${growth.to}: ${message}`;
    return { reason, message: `${why}. Its StorageClass must have allowVolumeExpansion: true` };
  }
}

function sizeOf({ spec }: ClaimTemplate): string | undefined {
  const size = spec.resources?.requests?.storage;
  return size === undefined ? undefined : String(size);
}

/** Only what is wanted counts: the API server adds its defaults. */
function differsBesideSize(live: unknown, wanted: unknown, path = ''): boolean {
  if (path === '.spec.resources.requests.storage' || path === '.status') return false;
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted))
    return canonicalJson(live ?? null) !== canonicalJson(wanted ?? null);
  const known: Record<string, unknown> = typeof live === 'object' && live !== null ? { ...live } : {};
  return Object.entries(wanted).some(([key, value]) => differsBesideSize(known[key], value, `${path}.${key}`));
}
