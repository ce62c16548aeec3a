import {
  EVICTIONS,
  isOnDelete,
  isOwnRole,
  makesPods,
  rightsOfRole,
  type Lookup,
  type Release,
  type RenderedObject,
  isRecord,
} from '@steward/shared';
import { kindOf, kindOfResource } from './kinds.ts';

type Permission = Release['permissions'][number];

/** A rendered object, and the release name it was rendered with: `name` stands for the installation's in what is signed. */
export interface NamedRender {
  objects: readonly RenderedObject[];
  releaseName: string;
  /** What its templates looked up. */
  lookups?: readonly Lookup[];
}

const OWN: Permission['verbs'] = ['get', 'list', 'watch', 'create', 'patch', 'delete'];
const SEEN: Permission['verbs'] = ['get', 'list', 'watch'];

export const INSTALLATION = '${installation}';

/** `web-nats` of a render named `web` becomes `${installation}-nats`. */
export function withPlaceholder(text: string, releaseName: string): string {
  return text.replaceAll(releaseName, INSTALLATION);
}

function versionOf(apiVersion: string): string {
  return apiVersion.split('/').at(-1) ?? '';
}

function ownPermissions(renders: readonly NamedRender[]): Permission[] {
  const found = new Map<string, Permission>();
  for (const { objects, releaseName } of renders)
    for (const object of objects) {
      const kind = kindOf(object);
      if (kind.type !== 'namespaced' && kind.type !== 'custom') continue;
      const { known } = kind;
      const key = `${known.group}/${known.kind}`;
      const isByName = known.kind === 'Secret' || isOwnRole(object);
      const name = withPlaceholder(object.metadata.name, releaseName);
      const entry = found.get(key) ?? {
        apiGroup: known.group,
        apiVersion: versionOf(object.apiVersion),
        kind: known.kind,
        resource: known.resource,
        verbs: isByName ? ['get', 'create', 'patch', 'delete'] : OWN,
        ...(isByName ? { names: [] } : {}),
        reason: `to install, upgrade and remove ${known.reason}`,
      };
      if (entry.names && !entry.names.includes(name)) entry.names.push(name);
      found.set(key, entry);
    }
  return [...found.values()];
}

/** Kubernetes lets nobody give a right that they do not have: what Roles of the chart give, the agent holds. */
function givenPermissions(renders: readonly NamedRender[]): Permission[] {
  const found = new Map<string, Permission>();
  for (const { objects, releaseName } of renders)
    for (const role of objects) {
      const rights = isOwnRole(role) && role.kind === 'Role' ? rightsOfRole(role) : [];
      if (typeof rights === 'string') continue;
      const name = withPlaceholder(role.metadata.name, releaseName);
      for (const { apiGroup, resource, verbs, names } of rights) {
        const bound = names?.map((one) => withPlaceholder(one, releaseName));
        found.set([apiGroup, resource, verbs, bound].join(' '), {
          apiGroup,
          apiVersion: 'v1',
          kind: kindOfResource(apiGroup, resource),
          resource,
          verbs,
          ...(bound && { names: bound }),
          reason: `to give it to pods of the service (Role/${name})`.slice(0, 300),
        });
      }
    }
  return [...found.values()];
}

function hasClaims(object: RenderedObject): boolean {
  if (object.kind === 'PersistentVolumeClaim') return true;
  const spec = object['spec'];
  return isRecord(spec) && Array.isArray(spec['volumeClaimTemplates']) && spec['volumeClaimTemplates'].length > 0;
}

function permission(
  [apiGroup, kind, resource]: readonly [string, string, string],
  verbs: Permission['verbs'],
  reason: string,
): Permission {
  return { apiGroup, apiVersion: 'v1', kind, resource, verbs, reason };
}

/** What the agent looks at beside the chart's own objects, to tell the state of the service and why it is so. */
function watchPermissions(objects: readonly RenderedObject[]): Permission[] {
  const kinds = new Set(objects.map(({ kind }) => kind));
  const claims = ['', 'PersistentVolumeClaim', 'persistentvolumeclaims'] as const;
  const permissions = [
    permission(['', 'Pod', 'pods'], SEEN, 'to see which pods run, and why one does not'),
    permission(claims, SEEN, 'to see the volumes, and what they wait for'),
  ];
  if (objects.some((object) => makesPods(object.kind)))
    permissions.push(permission(['', 'Event', 'events'], SEEN, 'to tell why a pod could not be made'));
  if (kinds.has('Deployment'))
    permissions.push(permission(['apps', 'ReplicaSet', 'replicasets'], SEEN, 'to tell new pods from old ones'));
  if (kinds.has('StatefulSet'))
    permissions.push(
      permission(['', 'Pod', 'pods'], ['delete'], 'to replace a pod that is stuck while a bad upgrade is rolled back'),
    );
  if (objects.some(isOnDelete))
    permissions.push(permission(['', 'Pod', EVICTIONS], ['create'], 'to replace pods one by one when it is restarted'));
  if (kinds.has('CronJob')) permissions.push(permission(['batch', 'Job', 'jobs'], SEEN, 'to see how jobs ended'));
  if (kinds.has('Service'))
    permissions.push(
      permission(
        ['discovery.k8s.io', 'EndpointSlice', 'endpointslices'],
        SEEN,
        'to see whether addresses have ready pods',
      ),
    );
  if (objects.some((object) => object.kind === 'StatefulSet' && hasClaims(object)))
    permissions.push(permission(claims, ['patch'], 'to enlarge the volumes when a larger size is set'));
  if (objects.some((object) => hasClaims(object)))
    permissions.push(permission(claims, ['delete'], 'to delete the volumes, only in an uninstall that says so'));
  return permissions;
}

/** Where a release has CPU and memory of its pods measured. Without the API, or without the right, nothing else is missing. */
export const RESOURCE_METRICS: Permission = {
  apiGroup: 'metrics.k8s.io',
  apiVersion: 'v1beta1',
  kind: 'PodMetrics',
  resource: 'pods',
  verbs: ['get', 'list'],
  reason: 'to measure CPU and memory of the pods',
};

function isCovered(wanted: Permission, given: readonly Permission[]): boolean {
  return given.some(
    (entry) =>
      entry.apiGroup === wanted.apiGroup &&
      entry.resource === wanted.resource &&
      (!entry.names || wanted.names?.every((name) => entry.names?.includes(name)) === true) &&
      wanted.verbs.every((verb) => entry.verbs.includes(verb)),
  );
}

/**
 * The rights the agent needs in the installation's namespace, from everything the chart renders to with its defaults and
 * their variants, and for what else is told. Never a wildcard; Secrets and Roles by exact name, and never listed.
 */
export function permissionsOf(renders: readonly NamedRender[], besides: readonly Permission[] = []): Permission[] {
  const own = ownPermissions(renders).toSorted((a, b) => (a.apiGroup + a.kind < b.apiGroup + b.kind ? -1 : 1));
  const watched = watchPermissions(renders.flatMap(({ objects }) => objects));
  const others = [...givenPermissions(renders), ...besides].filter((wanted) => !isCovered(wanted, own));
  return [...own, ...others, ...watched.filter((wanted) => !isCovered(wanted, own))];
}
