import { setTimeout as delay } from 'node:timers/promises';
import * as Type from 'typebox';
import { compile, type KindDefinition, forInstallation, problemOfPermission } from '@steward/shared';
import type { AccessCheck, KubeClient } from '../../../kube/client.ts';
import { persist } from '../../../operations/persist.ts';
import { loadImageSource, type CustomerSource } from '../../images/load-image-source.ts';
import type { Outcome } from '../../outcome.ts';
import type { SetMeta } from '../../render/release-set.ts';
import type { Run } from '../run/run.ts';

/** What an operation does beyond the ordinary. */
interface Needs {
  deletesVolumes?: boolean;
}

export const RECHECK_MS = 3_000;
const MAX_LINES = 40;

function applyGrant({ installation }: Run): string {
  return `Apply the grant that was printed for this installation (anew: steward installation grant ${installation.name}; with --force-conflicts where somebody edited its Role by hand); nothing else needs to be done.`;
}

/**
 * Resolves when the agent has every right that the signed release asks for. Until then the operation says which are
 * missing; somebody has to grant them, and nothing else has to be done.
 */
export async function awaitRights(run: Run, permissions: SetMeta['permissions'], needs: Needs = {}): Promise<void> {
  await awaitGrant(run, () => findMissingRights(run, permissions, { ...needs, signal: run.untilWriting }));
}

/** Which of these rights the agent does not have now, and what to do; undefined when it has all of them. */
export async function findMissingRights(
  run: Run,
  permissions: SetMeta['permissions'],
  { signal, ...needs }: Needs & { signal: AbortSignal },
): Promise<string | undefined> {
  const checks = checksOf(permissions, run.helmRelease, needs);
  const missing = await persist(() => run.context.kube.missingAccess(checks, { signal }), signal);
  return missing.length === 0 ? undefined : missingMessage(run, missing);
}

/** The customer's sources of now; as long as the agent may not read them, the operation says so. */
export async function awaitImageSource(run: Run): Promise<Outcome<CustomerSource>> {
  const { kube, config } = run.context;
  const where = { namespace: config.namespace, installation: run.installation.name, signal: run.untilWriting };
  const { promise, resolve } = Promise.withResolvers<Outcome<CustomerSource>>();
  await awaitGrant(run, async () => {
    const source = await loadImageSource(kube, where);
    if (!source.ok && source.failure.reason === 'missing-rights') return source.failure.message;
    resolve(source);
    return undefined;
  });
  return promise;
}

/** Says what is missing until nothing is. */
async function awaitGrant(run: Run, findMissing: () => Promise<string | undefined>): Promise<void> {
  for (;;) {
    const message = await findMissing();
    if (message === undefined) return;
    const { status } = run.record;
    if (status.message !== message)
      await run.move({ state: status.state, phase: 'verify', reason: 'missing-rights', message });
    await delay(RECHECK_MS, undefined, { signal: run.untilWriting });
  }
}

const decodeDefinition = compile(
  Type.Object({
    spec: Type.Object({
      group: Type.String(),
      names: Type.Object({ kind: Type.String() }),
      versions: Type.Array(Type.Object({ name: Type.String(), served: Type.Boolean() })),
    }),
  }),
);

/** Resolves when the cluster knows the kinds that the release brings. The agent cannot apply them: the customer's grant does. */
export async function awaitKinds(run: Run, definitions: readonly KindDefinition[]): Promise<void> {
  const { kube } = run.context;
  const signal = run.untilWriting;
  await awaitGrant(run, async () => {
    const found = await Promise.all(definitions.map((definition) => persist(() => isServed(kube, definition), signal)));
    const missing = definitions.filter((_, index) => !found[index]).map(({ metadata }) => metadata.name);
    if (missing.length === 0) return undefined;
    return [
      'The cluster does not know kinds that this release brings; the operation waits until it does. Missing:',
      ...missing.slice(0, MAX_LINES).map((name) => `  ${name}`),
      applyGrant(run),
    ].join('\n');
  });
}

/** What cannot be read is left to the API server, which refuses what it does not know. */
async function isServed(kube: KubeClient, definition: KindDefinition): Promise<boolean> {
  const decoded = decodeDefinition(definition);
  if (!decoded.ok) return true;
  const { group, names, versions } = decoded.value.spec;
  const version = versions.find(({ served }) => served)?.name;
  return version === undefined || (await kube.resourceOf(`${group}/${version}`, names.kind)) !== undefined;
}

/** Deleting volumes is only asked for when they are to be deleted; what no grant gives any more is not waited for. */
export function checksOf(
  permissions: SetMeta['permissions'],
  { releaseName, namespace }: Run['helmRelease'],
  { deletesVolumes = false }: Needs = {},
): AccessCheck[] {
  const grantable = permissions.filter((permission) => problemOfPermission(permission) === undefined);
  return grantable.flatMap(({ apiGroup, resource, verbs, names }) => {
    const isSpared = resource === 'persistentvolumeclaims' && !deletesVolumes;
    const wanted = isSpared ? verbs.filter((verb) => verb !== 'delete') : verbs;
    const bound = names?.map((name) => forInstallation(name, releaseName)) ?? [undefined];
    return wanted.flatMap((verb) =>
      bound.map((name) => ({ namespace, group: apiGroup, resource, verb, ...(name !== undefined && { name }) })),
    );
  });
}

function missingMessage(run: Run, missing: readonly AccessCheck[]): string {
  const lines = new Map<string, string[]>();
  for (const { group, resource, name, verb } of missing) {
    const what = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : `/${name}`}`;
    const verbs = lines.get(what) ?? [];
    lines.set(what, verbs);
    verbs.push(verb);
  }
  const shown = [...lines].slice(0, MAX_LINES).map(([what, verbs]) => `  ${what}: ${verbs.join(', ')}`);
  if (lines.size > MAX_LINES) shown.push(`  and ${lines.size - MAX_LINES} more`);
  return [
    `The agent lacks rights in namespace ${run.installation.namespace}; the operation waits until they are granted. Missing:`,
    ...shown,
    applyGrant(run),
  ].join('\n');
}
