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

/** Objects that are applied together, before those of any higher wave. */
export interface Wave<T> {
  wave: number;
  items: T[];
}

/** First to last; most charts have one. */
export function inWaves<T>(items: readonly T[], waveOf: (item: T) => number): Wave<T>[] {
  const waves = Map.groupBy(items, waveOf);
  return [...waves].sort(([a], [b]) => a - b).map(([wave, group]) => ({ wave, items: group }));
}

/** What goes together, in the order in which it goes: the last wave first, and in it the last kinds. */
export function inOrderOfRemoval<T>(
  items: readonly T[],
  { waveOf, kindOf }: { waveOf: (item: T) => number; kindOf: (item: T) => string },
): T[][] {
  return inWaves(items, waveOf)
    .toReversed()
    .flatMap((wave) => inOrder(wave.items, kindOf).toReversed());
}
