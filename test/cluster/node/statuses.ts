/** Whether the node (as JSON) is ready, and said so no earlier than the given time: a halted one's status says it still. */
export function isReadySince(nodeJson: string | undefined, timeMs: number): boolean {
  const node: unknown = JSON.parse(nodeJson ?? '{}');
  if (!hasKey(node, 'status') || !hasKey(node.status, 'conditions') || !Array.isArray(node.status.conditions))
    return false;
  return node.status.conditions.some(
    (condition: unknown) =>
      hasKey(condition, 'type') &&
      condition.type === 'Ready' &&
      hasKey(condition, 'status') &&
      condition.status === 'True' &&
      hasKey(condition, 'lastHeartbeatTime') &&
      Date.parse(String(condition.lastHeartbeatTime)) >= timeMs,
  );
}

/** Since when each container that is said to run in the pods (a list, as JSON) does so. */
export function runningSince(podsJson: string): number[] {
  const times: number[] = [];
  JSON.parse(podsJson, (key, value: unknown) => {
    if (key === 'running' && hasKey(value, 'startedAt')) times.push(Date.parse(String(value.startedAt)));
    return value;
  });
  return times;
}

function hasKey<K extends string>(value: unknown, key: K): value is Record<K, unknown> {
  return typeof value === 'object' && value !== null && key in value;
}
