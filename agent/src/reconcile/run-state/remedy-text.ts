import {
  autoscaleText,
  canonicalJson,
  scheduleText,
  sizeText,
  type OperationKind,
  type RunState,
} from '@steward/shared';

const MAX_NAMED = 10;

/** What a remedy changes, for its title: `Deployment/web=3, StatefulSet/db=as released`; empty where its name says all. */
export function remedyText(kind: OperationKind, from: RunState, to: RunState): string {
  if (kind === 'scale') return changed(from.replicas, to.replicas, (name, count) => `${name}=${count}`);
  if (kind === 'resize')
    return changed(from.resources ?? {}, to.resources ?? {}, (name, size) => `${name} with ${sizeText(size)}`);
  if (kind === 'autoscale')
    return changed(from.autoscale ?? {}, to.autoscale ?? {}, (name, bounds) => `${name} from ${autoscaleText(bounds)}`);
  if (kind === 'schedule') return to.schedule ? scheduleText(to.schedule) : 'none';
  return '';
}

type ByName<T> = Readonly<Record<string, T>>;

function changed<T>(from: ByName<T>, to: ByName<T>, text: (name: string, value: T) => string): string {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names
    .filter((name) => canonicalJson(from[name]) !== canonicalJson(to[name]))
    .slice(0, MAX_NAMED)
    .map((name) => {
      const value = to[name];
      return value === undefined ? `${name}=as released` : text(name, value);
    })
    .join(', ');
}
