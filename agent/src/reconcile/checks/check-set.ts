import { INSTALLATION_LABEL, undeclaredPodSettings, type Release, type RenderedObject } from '@steward/shared';
import { done, failed, type Outcome } from '../outcome.ts';
import { pinImages } from './pin-images.ts';

/** What a rendered set is checked against: the signed release, and where it is to run. */
export interface Bounds {
  release: Pick<Release, 'images' | 'permissions' | 'exceptions'>;
  installation: string;
  namespace: string;
}

/**
 * Holds every rendered object against what the vendor signed and the customer granted: kinds, names, namespace, images,
 * pod settings. What passes comes back with its namespace, the installation's label and pinned images.
 */
export function checkSet(objects: readonly RenderedObject[], bounds: Bounds): Outcome<RenderedObject[]> {
  const seen = new Set<string>();
  const accounts = new Set(
    objects.filter(({ kind }) => kind === 'ServiceAccount').map(({ metadata }) => metadata.name),
  );
  const checked: RenderedObject[] = [];
  for (const object of objects) {
    const name = `${object.kind}/${object.metadata.name}`;
    const key = `${groupOf(object)}/${name}`;
    if (seen.has(key)) return failed('render-failed', `${name} is in the chart twice`);
    seen.add(key);
    const placed = place(object, bounds);
    if (!placed.ok) return placed;
    const settings = undeclaredPodSettings(object, bounds.release.exceptions, accounts);
    if (settings.length > 0)
      return failed('forbidden-pod-setting', `${name} asks for more than the release declares: ${settings.join('; ')}`);
    const pinned = pinImages(placed.value, bounds.release.images);
    if (!pinned.ok) return pinned;
    checked.push(pinned.value);
  }
  return done(checked);
}

function groupOf({ apiVersion }: RenderedObject): string {
  const [group, version] = apiVersion.split('/');
  return version === undefined ? '' : (group ?? '');
}

function place(object: RenderedObject, { release, installation, namespace }: Bounds): Outcome<RenderedObject> {
  const { kind, metadata } = object;
  const name = `${kind}/${metadata.name}`;
  if (metadata.namespace !== undefined && metadata.namespace !== namespace)
    return failed('foreign-namespace', `${name} wants namespace ${metadata.namespace}, not ${namespace}`);
  const permissions = release.permissions.filter(
    (permission) => permission.kind === kind && permission.apiGroup === groupOf(object) && canWrite(permission),
  );
  if (permissions.length === 0) {
    const group = groupOf(object) || 'core';
    return failed('kind-not-permitted', `${name} (${group}) is of a kind that the signed release does not name`);
  }
  const isNamed = permissions.some(
    ({ names }) =>
      !names || names.some((allowed) => allowed.replaceAll('${installation}', installation) === metadata.name),
  );
  if (!isNamed)
    return failed('kind-not-permitted', `${name} is not among the ${kind} names that the signed release lists`);
  const labels = { ...metadata.labels, [INSTALLATION_LABEL]: installation };
  return done({ ...object, metadata: { ...metadata, namespace, labels } });
}

function canWrite({ verbs }: Release['permissions'][number]): boolean {
  return verbs.includes('create') && verbs.includes('patch');
}
