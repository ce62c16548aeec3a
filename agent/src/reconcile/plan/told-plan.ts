import { canonicalJson, sha256, type OperationPlan } from '@steward/shared';
import type { ObjectPlan } from './make-plan.ts';

type Change = OperationPlan['changes'][number];

const MAX_CHANGES = 500;
/** A plan travels in a frame and is kept in an object. */
const MAX_BYTES = 48 * 1024;

/** The plan as people and approvals see it. The digest is over what is shown, and what is shown names the very content. */
export function toldPlan(summary: string, changes: readonly Change[]): OperationPlan {
  let shown = changes.filter(({ action }) => action !== 'keep');
  const rest = changes.filter(({ action }) => action === 'keep');
  shown = [...shown, ...rest].slice(0, MAX_CHANGES);
  for (const fieldsKept of [20, 5, 0]) {
    if (canonicalJson(shown).length <= MAX_BYTES) break;
    shown = shown.map((change) => withFields(change, fieldsKept));
  }
  while (canonicalJson(shown).length > MAX_BYTES) shown = shown.slice(0, Math.floor(shown.length / 2));
  const hidden = changes.length - shown.length;
  const text = hidden > 0 ? `${summary} ${hidden} of ${changes.length} objects are not listed.` : summary;
  const content = { summary: text.slice(0, 2_000), changes: shown };
  return { digest: sha256(canonicalJson(content)), ...content };
}

function withFields({ fields, ...change }: Change, kept: number): Change {
  return fields && kept > 0 ? { ...change, fields: fields.slice(0, kept) } : change;
}

export function changesOf({ objects, removals }: ObjectPlan): Change[] {
  return [
    ...objects.flatMap(({ replacement }) =>
      (replacement?.growths ?? []).map(({ name, from, to }) => ({
        action: 'update' as const,
        object: `PersistentVolumeClaim/${name}`,
        fields: [`spec.resources.requests.storage: ${from} → ${to}`],
      })),
    ),
    ...objects.map(({ action, object, fields, isTakenOver }) => ({
      // Whose it is changes nothing of what runs.
      action: isTakenOver && fields.length === 0 ? ('keep' as const) : action,
      object: `${object.kind}/${object.metadata.name}`,
      ...(fields.length > 0 && { fields }),
    })),
    ...removals.map(({ action, entry }) => ({ action, object: `${entry.kind}/${entry.name}` })),
  ];
}

/** `creates 1, changes 2, removes none, leaves 3`; also `replaces 1` where something is. */
export function countsOf(changes: readonly Change[]): string {
  const count = (action: Change['action']): string => {
    const n = changes.filter((change) => change.action === action).length;
    return n === 0 ? 'none' : String(n);
  };
  const replaces = changes.some(({ action }) => action === 'replace') ? `replaces ${count('replace')}, ` : '';
  return `creates ${count('create')}, changes ${count('update')}, ${replaces}removes ${count('delete')}, leaves ${count('keep')}`;
}
