import { INSTALLATION_LABEL, ORGANIZATION_LABEL } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { fieldManagersOf } from './field-owners.ts';

/** Whether it bears the labels that everything of this installation gets. */
export function isLabelledFor(
  { metadata: { labels } }: KubeObject,
  { organization, installation }: { organization: string; installation: string },
): boolean {
  return labels?.[INSTALLATION_LABEL] === installation && labels[ORGANIZATION_LABEL] === organization;
}

/** Who an object belongs to, as well as it tells: an installation, a Helm release, a controller, or whoever wrote it. */
export function ownerOf(object: KubeObject): string {
  const { metadata } = object;
  const installation = metadata.labels?.[INSTALLATION_LABEL];
  const organization = metadata.labels?.[ORGANIZATION_LABEL];
  if (installation !== undefined)
    return `the installation ${installation}${organization === undefined ? '' : ` of ${organization}`}`;
  const release = metadata.annotations?.['meta.helm.sh/release-name'];
  if (release !== undefined) return `the Helm release ${release}`;
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller) return `${controller.kind}/${controller.name}`;
  const manager = metadata.labels?.['app.kubernetes.io/managed-by'];
  if (manager !== undefined) return manager;
  const managers = new Set(fieldManagersOf(object).flatMap((entry) => entry.manager ?? []));
  return [...managers].slice(0, 5).join(', ') || 'somebody else';
}
