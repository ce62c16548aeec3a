/** In this order objects are applied, as Helm does; other kinds come last, since they may need any of these. Removing goes the other way. */
const ORDER: readonly string[] = [
  'NetworkPolicy',
  'ResourceQuota',
  'LimitRange',
  'PodDisruptionBudget',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'PersistentVolumeClaim',
  'Role',
  'RoleBinding',
  'Service',
  'DaemonSet',
  'Pod',
  'ReplicationController',
  'ReplicaSet',
  'Deployment',
  'HorizontalPodAutoscaler',
  'StatefulSet',
  'Job',
  'CronJob',
  'Ingress',
];

export function orderOf(kind: string): number {
  const index = ORDER.indexOf(kind);
  return index === -1 ? ORDER.length : index;
}

/** Groups of the same order, first to last. */
export function inOrder<T>(items: readonly T[], kindOf: (item: T) => string): T[][] {
  const groups = Map.groupBy(items, (item) => orderOf(kindOf(item)));
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group);
}
