import { releaseNameOf } from '@steward/shared';
import type { InstallationRecord } from '../../operations/installation/installation-object.ts';
import type { ReconcileContext } from '../context.ts';
import type { HelmRelease } from '../adopt/helm-marks.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import type { PlanInput } from './make-plan.ts';
import { neverOursOf } from '../fields/never-ours.ts';

type SetInput = Omit<PlanInput, 'helmRelease' | 'isAdopting' | 'replaceable' | 'mayAskLess' | 'signal'>;

/** What a plan of an installation's set is made of, whoever makes it: an operation, its schedule, or the look for drift. */
export function setInput(
  { kube, config }: ReconcileContext,
  { name, status: { inventory, claimMakers = [] } }: InstallationRecord,
  { releaseName }: HelmRelease,
  { objects, meta }: ReleaseSet,
): SetInput {
  const { fieldManager, organization } = config;
  const neverOurs = neverOursOf(objects, meta.drift, releaseName, inventory);
  return { kube, fieldManager, organization, installation: name, objects, inventory, claimMakers, neverOurs };
}

/** As which the chart of what stands was rendered. */
export function standingRelease({ name, namespace, status: { desired } }: InstallationRecord): HelmRelease {
  return { releaseName: desired ? releaseNameOf(desired) : name, namespace };
}
