import {
  grantName,
  INSTALLATION_LABEL,
  isOwnRole,
  ORGANIZATION_LABEL,
  problemOfBinding,
  rightsOfRole,
  undeclaredPodSettings,
  type ChartHook,
  type Release,
  type RenderedObject,
  forInstallation,
} from '@steward/shared';
import { groupOf, nameOf } from '../../kube/object.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { pinImages } from './pin-images.ts';

/** What a rendered set is checked against: the signed release, and where it is to run. */
export interface Bounds {
  release: Pick<Release, 'images' | 'permissions' | 'exceptions'>;
  /** Whose agent this is: another vendor may have an installation of the same name. */
  organization: string;
  installation: string;
  /** What `${installation}` stands for in what was signed. */
  releaseName: string;
  namespace: string;
}

/**
 * Holds every rendered object against what the vendor signed and the customer granted: kinds, names, namespace, images,
 * pod settings. What passes comes back with its namespace, the installation's label and pinned images.
 */
export function checkSet(
  objects: readonly RenderedObject[],
  bounds: Bounds,
  hooks: readonly ChartHook[] = [],
): Outcome<RenderedObject[]> {
  const seen = new Set<string>();
  const own = ownNames(objects, hooks);
  const checked: RenderedObject[] = [];
  for (const object of objects) {
    const key = keyOf(object);
    if (seen.has(key)) return failed('render-failed', `${nameOf(object)} is in the chart twice`);
    seen.add(key);
    const outcome = checkObject(object, bounds, own);
    if (!outcome.ok) return outcome;
    checked.push(outcome.value);
  }
  return done(checked);
}

/** The same for hooks; two of one name may be there when they never run at the same moment. */
export function checkHooks(
  hooks: readonly ChartHook[],
  bounds: Bounds,
  objects: readonly RenderedObject[],
): Outcome<ChartHook[]> {
  const seen = new Set<string>();
  const own = ownNames(objects, hooks);
  const checked: ChartHook[] = [];
  for (const hook of hooks) {
    for (const event of hook.events) {
      const key = `${event} ${keyOf(hook.object)}`;
      if (seen.has(key))
        return failed('render-failed', `the ${event} hook ${nameOf(hook.object)} is in the chart twice`);
      seen.add(key);
    }
    const outcome = checkObject(hook.object, bounds, own);
    if (!outcome.ok) return outcome;
    checked.push({ ...hook, object: outcome.value });
  }
  return done(checked);
}

/** What pods and bindings of the set may name. */
interface OwnNames {
  accounts: ReadonlySet<string>;
  roles: ReadonlySet<string>;
}

function ownNames(objects: readonly RenderedObject[], hooks: readonly ChartHook[]): OwnNames {
  const all = [...objects, ...hooks.map(({ object }) => object)];
  const namesOf = (wanted: string): Set<string> =>
    new Set(all.filter(({ kind }) => kind === wanted).map(({ metadata }) => metadata.name));
  return { accounts: namesOf('ServiceAccount'), roles: namesOf('Role') };
}

function checkObject(object: RenderedObject, bounds: Bounds, { accounts, roles }: OwnNames): Outcome<RenderedObject> {
  const placed = place(object, bounds);
  if (!placed.ok) return placed;
  const settings = undeclaredPodSettings(object, bounds.release.exceptions, accounts);
  if (settings.length > 0) {
    const message = `${nameOf(object)} asks for more than the release declares: ${settings.join('; ')}`;
    return failed('forbidden-pod-setting', message);
  }
  const wrong = isOwnRole(object) ? problemOfRole(object, bounds, roles) : undefined;
  if (wrong !== undefined) return failed('kind-not-permitted', `${nameOf(object)}: ${wrong}`);
  return pinImages(placed.value, bounds.release.images);
}

/** The customer's grant carries the labels of the installation too, and is nobody's but theirs. */
function problemOfRole(
  object: RenderedObject,
  { organization, namespace }: Bounds,
  roles: ReadonlySet<string>,
): string | undefined {
  if (object.metadata.name === grantName(organization)) return "it has the name of the customer's grant";
  if (object.kind === 'RoleBinding') return problemOfBinding(object, { namespace, roles });
  const rights = rightsOfRole(object);
  return typeof rights === 'string' ? `${rights}. What needs that, the customer applies` : undefined;
}

function keyOf(object: RenderedObject): string {
  return `${groupOf(object.apiVersion)}/${nameOf(object)}`;
}

function place(
  object: RenderedObject,
  { release, organization, installation, releaseName, namespace }: Bounds,
): Outcome<RenderedObject> {
  const { kind, metadata } = object;
  const name = nameOf(object);
  const group = groupOf(object.apiVersion);
  if (metadata.namespace !== undefined && metadata.namespace !== namespace)
    return failed('foreign-namespace', `${name} wants namespace ${metadata.namespace}, not ${namespace}`);
  const permissions = release.permissions.filter(
    (permission) => permission.kind === kind && permission.apiGroup === group && canWrite(permission),
  );
  if (permissions.length === 0) {
    const what = `${name} (${group || 'core'})`;
    return failed('kind-not-permitted', `${what} is of a kind that the signed release does not name`);
  }
  const isNamed = permissions.some(
    ({ names }) => !names || names.some((allowed) => forInstallation(allowed, releaseName) === metadata.name),
  );
  if (!isNamed)
    return failed('kind-not-permitted', `${name} is not among the ${kind} names that the signed release lists`);
  const labels = {
    ...metadata.labels,
    [INSTALLATION_LABEL]: installation,
    [ORGANIZATION_LABEL]: organization,
  };
  return done({ ...object, metadata: { ...metadata, namespace, labels } });
}

function canWrite({ verbs }: Release['permissions'][number]): boolean {
  return verbs.includes('create') && verbs.includes('patch');
}
