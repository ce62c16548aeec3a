import { INSTALLATION_LABEL, ORGANIZATION_LABEL } from '@steward/shared';
import type { KubeObject, ObjectMeta } from '../../kube/client.ts';

/** A Helm release as it stands on the objects that it applied. */
export interface HelmRelease {
  releaseName: string;
  namespace: string;
}

/** The field manager of Helm, for what it creates and patches (`Update`) and for what it applies (`Apply`, since Helm 4). */
export const HELM_MANAGER = 'helm';
export const HELM_NAME = 'meta.helm.sh/release-name';
export const HELM_NAMESPACE = 'meta.helm.sh/release-namespace';
export const MANAGED_BY = 'app.kubernetes.io/managed-by';
const HELM = 'Helm';

/** By the marks that Helm puts on everything it applies; undefined where they are not. */
export function helmReleaseOf({ metadata }: KubeObject): HelmRelease | undefined {
  const releaseName = metadata.annotations?.[HELM_NAME];
  const namespace = metadata.annotations?.[HELM_NAMESPACE];
  return releaseName === undefined || namespace === undefined ? undefined : { releaseName, namespace };
}

export function isOfRelease(object: KubeObject, { releaseName, namespace }: HelmRelease): boolean {
  const found = helmReleaseOf(object);
  return found?.releaseName === releaseName && found.namespace === namespace;
}

/** What a merge patch says to make an object Helm's again. */
export function helmMarks({ releaseName, namespace }: HelmRelease): Pick<ObjectMeta, 'labels' | 'annotations'> {
  return {
    labels: { [MANAGED_BY]: HELM },
    annotations: { [HELM_NAME]: releaseName, [HELM_NAMESPACE]: namespace },
  };
}

/**
 * A copy without what only says whose an object is: labels, which start and stop nothing, and Helm's annotations. Other
 * annotations stay, since controllers act on them.
 */
export function withoutMarks(object: KubeObject): KubeObject {
  const { labels: _, annotations = {}, ...metadata } = object.metadata;
  const others = Object.entries(annotations).filter(([key]) => key !== HELM_NAME && key !== HELM_NAMESPACE);
  const rest = others.length === 0 ? {} : { annotations: Object.fromEntries(others) };
  return { ...object, metadata: { ...metadata, ...rest } };
}

export const STEWARD_LABELS = [INSTALLATION_LABEL, ORGANIZATION_LABEL];
