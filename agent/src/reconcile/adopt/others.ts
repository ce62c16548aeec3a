import { WATCHED, type NamespaceObjects } from '../../collect/namespace-objects.ts';
import { belongingsOf, othersIn } from '../../collect/own-objects.ts';
import type { ClaimMaker } from '../../collect/objects/storage.ts';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { Run } from '../operation/run/run.ts';
import { entryOf } from '../plan/inventory.ts';
import type { ObjectPlan } from '../plan/make-plan.ts';
import { makersIn } from '../volumes/claim-makers.ts';
import { loadClaims } from '../volumes/load-claims.ts';
import { listAllowed } from './listable-kinds.ts';

/** The Operation names that many. */
const MAX_OTHERS = 200;

/** What a vendor reads of it: neither names nor a number, which would change an approved plan whenever a neighbour comes or goes. */
export const HAS_OTHERS =
  'other things run in this namespace: they stay as they are, and nothing of them is looked after or told';

/** Workloads and pods of the namespace that are somebody else's, as far as the agent may look. */
export async function loadOthers(
  { context: { kube }, installation: { namespace } }: Run,
  {
    applied,
    makers,
    signal,
  }: { applied: readonly InventoryEntry[]; makers: readonly ClaimMaker[]; signal: AbortSignal },
): Promise<string[]> {
  const { Pod, Job, Deployment, StatefulSet, DaemonSet } = WATCHED;
  const watched = [Pod, Job, Deployment, StatefulSet, DaemonSet];
  const refs = watched.map(({ ref }) => ref);
  const [foundPods, foundJobs, deployments, statefulSets, daemonSets] = await listAllowed(kube, refs, {
    namespace,
    signal,
  });
  const workloads = [
    viewsOf(deployments, Deployment.project),
    viewsOf(statefulSets, StatefulSet.project),
    viewsOf(daemonSets, DaemonSet.project),
  ];
  const pods = viewsOf(foundPods, Pod.project);
  const jobs = viewsOf(foundJobs, Job.project);
  const nothing: ReadonlyMap<string, never> = new Map<string, never>();
  const objects: NamespaceObjects = { pods, jobs, workloads, claims: nothing, endpoints: nothing };
  return othersIn(objects, belongingsOf(applied, makers));
}

function viewsOf<T>(found: readonly KubeObject[] = [], project: (object: KubeObject) => T | undefined): Map<string, T> {
  return new Map(
    found.flatMap((object): [string, T][] => {
      const view = project(object);
      return view === undefined ? [] : [[object.metadata.name, view]];
    }),
  );
}

/** Names in the Operation, for the customer, what lives beside that which is adopted. @returns what the plan says of it */
export async function noteOthers(run: Run, plan: ObjectPlan): Promise<string[]> {
  const signal = run.untilWriting;
  const inventory = plan.objects.map(({ ref, object, uid }) => entryOf(ref, object, uid));
  const makers = makersIn(plan.objects.map(({ object }) => object));
  const claims = await loadClaims(run, signal, { inventory, makers });
  const applied = [...run.installation.status.inventory, ...inventory];
  const workloads = await loadOthers(run, { applied, makers: claims.makers, signal });
  const others = [...workloads, ...claims.others.map(nameOf)];
  await writeOthers(run, others);
  return others.length > 0 ? [HAS_OTHERS] : [];
}

/** Into the Operation and nowhere else: the hub is never told. */
export async function writeOthers({ context, record }: Run, found: readonly string[]): Promise<void> {
  const others = found.slice(0, MAX_OTHERS);
  if (others.join() !== (record.status.others ?? []).join()) await context.journal.note(record, { others });
}
