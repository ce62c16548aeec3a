import { canonicalJson, makesPods, offeredBy, sha256, type Release, type VerifiedRelease } from '@steward/shared';
import type { HistoryEntry } from '../../../operations/installation/installation-object.ts';
import { persist } from '../../../operations/persist.ts';
import { loadFoundImages, type FoundImage } from '../../adopt/found-images.ts';
import { listableKinds } from '../../adopt/listable-kinds.ts';
import { checkOnlyAtInstall, settingsOf } from '../../checks/only-at-install.ts';
import { fetchChart } from '../../chart/fetch-chart.ts';
import { done, failed, type Failure, type Outcome } from '../../outcome.ts';
import { BoundedRender } from '../../render/worker/bounded-render.ts';
import { loadKeptFields } from '../../render/kept-fields.ts';
import { Lookups } from '../../render/lookups.ts';
import type { PackedSet, ReleaseSet, SetMeta } from '../../render/release-set.ts';
import { unpackSet } from '../../render/release-set.ts';
import { LostSetError, referenceOf } from '../../render/render-store.ts';
import { renderChart } from '../../render/render-chart.ts';
import { verifiedRelease } from '../../verify/verify-release.ts';
import { sentences } from '../../../sentences.ts';
import { keptGeneration } from '../../history/good-generations.ts';
import { download } from './download.ts';
import { awaitImageSource, awaitKinds, awaitRights } from './rights.ts';
import type { Run } from '../run/run.ts';

/** After a restart rendering is tried again this often: the chart may be what ended the agent. */
const MAX_ATTEMPTS = 3;

/** A set that is stored, and its reference. */
export interface PreparedSet {
  set: ReleaseSet;
  renderRef: string;
}

/**
 * The set of objects of the wanted generation: the stored one when it was rendered before, that of the generation to go
 * back to or to run in another way, or a new one, rendered once from the verified release and stored. The rights for it are there when it resolves.
 */
export async function prepareSet(run: Run): Promise<Outcome<PreparedSet>> {
  const { renderRef } = run.record.status;
  const stored = renderRef === undefined ? undefined : await loadSet(run, renderRef);
  // Somebody removed it before it was applied: what is planned from a new one is asked for again where it differs.
  if (stored?.ok) return stored;
  if (run.sameSet) return storedSet(run, run.sameSet);
  return run.kind === 'rollback' ? setFromHistory(run) : renderSet(run);
}

/** It was verified, checked and ran well here: nothing is rendered again, so nothing that a chart makes up changes. */
async function storedSet(run: Run, entry: HistoryEntry): Promise<Outcome<PreparedSet>> {
  const stored = await loadSet(run, entry.renderRef);
  return stored.ok ? stored : notKept(entry, stored.failure);
}

function notKept({ generation, version }: HistoryEntry, { message: why }: Failure): Outcome<never> {
  const message = `generation ${generation} cannot be applied again as it was: ${why}`;
  return failed('not-in-history', sentences(message, `Push ${version} as an upgrade: that renders it anew`));
}

/** With the rights for it. */
async function loadSet(run: Run, renderRef: string): Promise<Outcome<PreparedSet>> {
  const loaded = await loadStored(run, renderRef);
  if (!loaded.ok) return loaded;
  await awaitRights(run, loaded.value.meta.permissions);
  return done({ set: loaded.value, renderRef });
}

/** A set that was stored; not when somebody removed or altered its Secrets. @throws KubeError where they may not be read */
export async function loadStored(run: Run, renderRef: string): Promise<Outcome<ReleaseSet>> {
  return orLost(() => run.context.renders.load(renderRef));
}

async function orLost<T>(load: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return done(await load());
  } catch (error) {
    if (!(error instanceof LostSetError)) throw error;
    return failed('lost-track', error.message);
  }
}

async function setFromHistory(run: Run): Promise<Outcome<PreparedSet>> {
  const { desired } = run.record.spec;
  const { toGeneration } = desired.operation;
  const { history } = run.installation.status;
  const entry = keptGeneration(history, toGeneration);
  if (!entry) {
    const kept = history.map(({ generation }) => generation).join(', ') || 'none';
    return failed('not-in-history', `generation ${toGeneration ?? '?'} is not kept any more; kept are: ${kept}`);
  }
  if (entry.releaseDigest !== desired.release.digest)
    return failed(
      'digest-mismatch',
      `generation ${entry.generation} ran ${entry.releaseDigest}, not what is asked for`,
    );
  const packed = await orLost(() => run.context.renders.loadPacked(entry.renderRef));
  if (!packed.ok) return notKept(entry, packed.failure);
  await awaitRights(run, packed.value.set.meta.permissions);
  // Under its own generation: of an Installation that somebody deletes the newest set counts as what runs.
  return done(await store(run, packed.value));
}

async function renderSet(run: Run): Promise<Outcome<PreparedSet>> {
  const verified = await run.span('verify', () => verify(run));
  if (!verified.ok) return verified;
  const { release } = verified.value;
  const { parameters } = run.record.spec.desired;
  const allowed = await withBounds(run, (bounded) =>
    bounded.checkParameters({ schema: release.parameters, parameters }),
  );
  if (!allowed.ok) return allowed;
  const lasting = checkOnlyAtInstall(release, parameters, await loadSettings(run, release));
  if (!lasting.ok) return lasting;
  await run.span('rights', async () => {
    await awaitRights(run, release.permissions);
    // Getting the chart asks for them too, where no one may be kept waiting.
    if (release.chart.oci !== undefined) await awaitImageSource(run);
    return done(await awaitKinds(run, release.definitions ?? []));
  });
  return download(run, async () => {
    const leave = await run.context.room.renders.take(run.untilWriting);
    try {
      return await withBounds(run, (bounded) => downloadAndRender(run, verified.value, bounded));
    } finally {
      leave();
    }
  });
}

/** Of what ran well last; empty when that is not known any more. */
async function loadSettings(run: Run, { onlyAtInstall }: Release): Promise<Record<string, unknown>> {
  const [good] = onlyAtInstall ? run.installation.status.history : [];
  const stored = good && (await loadStored(run, good.renderRef));
  return (stored?.ok && stored.value.meta.settings) || {};
}

async function withBounds<T>(run: Run, work: (bounded: BoundedRender) => Promise<T>): Promise<T> {
  const { renderEntry: entry, room } = run.context;
  const bounded = new BoundedRender({ entry, room, signal: run.untilWriting });
  try {
    return await work(bounded);
  } finally {
    await bounded.stop();
  }
}

async function downloadAndRender(
  run: Run,
  verified: VerifiedRelease,
  bounded: BoundedRender,
): Promise<Outcome<PreparedSet>> {
  const { kube } = run.context;
  const signal = run.untilWriting;
  const { digest } = verified.release.chart;
  const [chart, kubeVersion, apiVersions] = await Promise.all([
    fetchChart(run, verified.release),
    persist(() => kube.version(), signal),
    persist(() => kube.apiVersions(), signal),
  ]);
  if (!chart.ok) return chart;
  if (sha256(chart.value) !== digest)
    return failed('digest-mismatch', `the chart is not the one the release names, ${digest}`);
  return run.span('render', () => renderOnce(run, { verified, chart: chart.value, kubeVersion, apiVersions }, bounded));
}

async function verify(run: Run): Promise<Outcome<VerifiedRelease>> {
  const { context, installation, record } = run;
  const { desired } = record.spec;
  const signal = run.untilWriting;
  const [envelope, kubernetesVersion] = await Promise.all([
    download(run, async () => done(await context.link.fetchRelease(desired.release.digest, signal))),
    persist(() => context.kube.version(), signal),
  ]);
  if (!envelope.ok) return envelope;
  return verifiedRelease(envelope.value, {
    desired,
    trusted: context.config.releaseKeys,
    history: installation.status.history,
    counters: installation.status.counters,
    runningVersion: installation.status.history[0]?.version,
    kubernetesVersion,
    now: context.now(),
  });
}

interface RenderInput {
  verified: VerifiedRelease;
  chart: Uint8Array;
  kubeVersion: string;
  apiVersions: readonly string[];
}

async function renderOnce(run: Run, input: RenderInput, bounded: BoundedRender): Promise<Outcome<PreparedSet>> {
  const { context, record, installation } = run;
  const { desired } = record.spec;
  const { release } = input.verified;
  if (run.isResumed) {
    const renderAttempts = (record.status.renderAttempts ?? 0) + 1;
    if (renderAttempts > MAX_ATTEMPTS)
      return failed('too-large', `the agent was ended each of ${MAX_ATTEMPTS} times it rendered this chart`);
    await context.journal.note(record, { renderAttempts });
  }
  const signal = run.untilWriting;
  const { permissions } = release;
  const { name, namespace } = desired;
  const { releaseName } = run.helmRelease;
  const lookups = new Lookups({ kube: context.kube, permissions, releaseName, namespace, signal });
  const request = {
    helmPath: context.config.helmPath,
    tmpDir: context.config.tmpDir,
    name: releaseName,
    namespace,
    chart: input.chart,
    parameters: desired.parameters,
    // What is adopted runs already, as before every upgrade.
    isUpgrade: run.kind === 'adopt' || installation.status.inventory.length > 0,
    kubeVersion: input.kubeVersion,
    apiVersions: input.apiVersions,
    signal,
    room: context.room,
  };
  const printed = await renderChart(request, lookups);
  if (!printed.ok) return printed;
  const kept = await loadKeptFields({
    kube: context.kube,
    renders: context.renders,
    release,
    releaseName,
    namespace,
    lastGood: installation.status.history[0]?.renderRef,
    signal,
  });
  if (!kept.ok) return kept;
  const packed = await bounded.readManifests({
    printed: printed.value,
    kept: kept.value,
    meta: { ...metaOf(run, input.verified), ...(run.kind === 'adopt' && { found: await loadFound(run, release) }) },
    release: { images: release.images, permissions, exceptions: release.exceptions },
    organization: context.config.organization,
    installation: name,
    releaseName,
    namespace,
  });
  if (!packed.ok) return packed;
  return done(await store(run, packed.value));
}

async function store({ context, record }: Run, packed: PackedSet): Promise<PreparedSet> {
  const { name, generation } = record.spec.desired;
  const renderRef = referenceOf(name, generation, packed);
  // Named before it is there: it may hold passwords, and whatever ends the operation knows what to remove.
  await context.journal.note(record, { renderRef });
  await context.renders.save(name, generation, packed);
  return { set: unpackSet(packed.bytes, packed.digest), renderRef };
}

async function loadFound(run: Run, { permissions }: Release): Promise<FoundImage[]> {
  const kinds = await listableKinds(run.context.kube, permissions, run.untilWriting);
  const { helmRelease: release, untilWriting: signal } = run;
  return loadFoundImages(run.context.kube, { release, kinds: kinds.filter(({ kind }) => makesPods(kind)), signal });
}

function metaOf(run: Run, { release, digest, signedBy }: VerifiedRelease): SetMeta {
  return {
    service: release.service,
    version: release.version,
    releaseDigest: digest,
    parametersDigest: sha256(canonicalJson(run.record.spec.desired.parameters)),
    signedBy,
    counter: release.counter,
    deadlineSeconds: release.upgrade.deadlineSeconds,
    settleSeconds: release.upgrade.settleSeconds,
    permissions: release.permissions,
    settings: settingsOf(release, run.record.spec.desired.parameters),
    ...(release.upgrade.replace && { replace: release.upgrade.replace }),
    ...(release.upgrade.rollback === 'safe' && { isRollbackSafe: true }),
    ...(release.drift && { drift: release.drift }),
    ...(release.metrics && { metrics: release.metrics }),
    ...(release.remedies && { remedies: offeredBy(release, run.helmRelease.releaseName) }),
  };
}
