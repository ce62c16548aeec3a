import { commentOf, type KubeManifest, isRecord } from '@steward/shared';

function list(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** As kubectl writes it: `operations.steward.dev/status`. */
function qualified(resource: string, group: string): string {
  const [name = '', part] = resource.split('/');
  return `${name}${group === '' ? '' : `.${group}`}${part === undefined ? '' : `/${part}`}`;
}

function ruleText(rule: unknown): string {
  if (!isRecord(rule)) return '';
  const [group = ''] = list(rule['apiGroups']);
  const resources = list(rule['resources']).map((resource) => qualified(resource, group));
  const names = list(rule['resourceNames']);
  const only = names.length > 0 ? ` (only ${names.join(', ')})` : '';
  const reason = commentOf(rule);
  return `${list(rule['verbs']).join(', ')} ${resources.join(', ')}${only}${reason ? ` – ${reason}` : ''}`;
}

/** Which rights a manifest gives, read from the very objects that are applied, namespace by namespace. */
export function rightsOf(objects: readonly KubeManifest[]): string[] {
  return objects.flatMap((object) => {
    if (object.kind !== 'Role' && object.kind !== 'ClusterRole') return [];
    const where = object.kind === 'Role' ? `In namespace ${object.metadata.namespace ?? ''}` : 'In the whole cluster';
    const rules = Array.isArray(object['rules']) ? object['rules'] : [];
    return [`${where} the agent may:`, ...rules.map((rule) => `  ${ruleText(rule)}`)];
  });
}

/** Everything else that a manifest makes: `Namespace nats`. */
export function othersOf(objects: readonly KubeManifest[]): string[] {
  return objects
    .filter(({ kind }) => !['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'].includes(kind))
    .map(({ kind, metadata }) => `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ''}${metadata.name}`);
}
