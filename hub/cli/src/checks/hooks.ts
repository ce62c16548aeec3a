import { chartHookOf, HOOK_EVENTS, type ReleaseHook } from '@steward/shared';
import type { Findings } from '../findings/finding.ts';
import { objectName } from '../render/rendered-set.ts';
import type { StewardYaml } from '../steward-yaml/steward-yaml.ts';
import { withPlaceholder, type NamedRender } from './permissions.ts';

/** The hooks of all renders, each once, with every moment at which one of that name runs. */
export function hooksIn(renders: readonly NamedRender[]): ReleaseHook[] {
  const found = new Map<string, Set<string>>();
  for (const { objects, releaseName } of renders)
    for (const rendered of objects) {
      const hook = chartHookOf(rendered);
      if (hook === undefined || typeof hook === 'string') continue;
      const name = withPlaceholder(objectName(rendered), releaseName);
      const events = found.get(name) ?? new Set();
      for (const event of hook.events) events.add(event);
      found.set(name, events);
    }
  return [...found].map(([object, events]) => ({ object, events: HOOK_EVENTS.filter((event) => events.has(event)) }));
}

/** A migration decides what becomes of a failed upgrade: the vendor should have thought of it. */
export function checkHooksOf(hooks: readonly ReleaseHook[], { upgrade }: StewardYaml, findings: Findings): void {
  if (upgrade?.rollback !== undefined) return;
  const lasting = hooks.filter(
    ({ object, events }) => /^(Job|Pod)\//.test(object) && events.some((event) => event.endsWith('-upgrade')),
  );
  const [first] = lasting;
  if (!first) return;
  findings.add('warning', 'rollback', `a failed upgrade is not rolled back by itself once ${first.object} has run`, {
    action:
      'Say `upgrade: { rollback: safe }` in steward.yaml when the version before works with what the hook leaves, or `ask` to keep it so.',
  });
}
