import type { KubeObject } from '../../kube/client.ts';
import { fieldManagersOf } from '../fields/field-owners.ts';
import { ownerOf } from '../fields/owner.ts';
import { isOfRelease, type HelmRelease, STEWARD_LABELS } from './helm-marks.ts';

interface Tool {
  name: string;
  /** Labels and annotations that it puts on what it manages, by how they begin. */
  marks: readonly string[];
  managers: readonly string[];
}

/** Each of them would put back what it manages: two that do that fight for ever. */
const TOOLS: readonly Tool[] = [
  {
    name: 'Argo CD',
    marks: ['argocd.argoproj.io/tracking-id', 'argocd.argoproj.io/instance', 'argocd.argoproj.io/installation-id'],
    managers: ['argocd-controller', 'argocd-application-controller'],
  },
  {
    name: 'Flux',
    marks: ['helm.toolkit.fluxcd.io/', 'kustomize.toolkit.fluxcd.io/'],
    managers: ['helm-controller', 'kustomize-controller'],
  },
  { name: 'Fleet', marks: ['fleet.cattle.io/', 'objectset.rio.cattle.io/'], managers: ['fleetagent'] },
];

/** Who else owns an object, so that it cannot be adopted from this Helm release; undefined when it is that release's and nobody else's. */
export function foreignOwnerOf(
  object: KubeObject,
  { release, fieldManager }: { release: HelmRelease; fieldManager: string },
): string | undefined {
  const { labels = {}, annotations = {}, ownerReferences = [] } = object.metadata;
  const marks = [...Object.keys(labels), ...Object.keys(annotations)];
  if (STEWARD_LABELS.some((label) => labels[label] !== undefined)) return ownerOf(object);
  const managers = fieldManagersOf(object);
  for (const tool of TOOLS) {
    const isMarked = marks.some((mark) => tool.marks.some((known) => mark.startsWith(known)));
    // Of Helm's own: Flux applies by Helm's library, whose manager is the controller's name.
    const isManaged = managers.some(({ manager = '', subresource }) => !subresource && tool.managers.includes(manager));
    if (isMarked || isManaged) return tool.name;
  }
  const agent = managers.find(({ manager = '' }) => manager.startsWith(STEWARD_MANAGER) && manager !== fieldManager);
  if (agent) return `another agent of Steward (${agent.manager})`;
  const controller = ownerReferences.find((owner) => owner.controller === true);
  if (controller) return `${controller.kind}/${controller.name}`;
  return isOfRelease(object, release) ? undefined : ownerOf(object);
}

const STEWARD_MANAGER = 'steward-';
