import { policyClassOf, type OperationFailure, type OperationKind, type PolicyClass } from '@steward/shared';
import type { Effect, SupportPolicy } from './support-policy.ts';

/** With one sentence for both sides: which policy says so. */
export type Decision =
  | { effect: Exclude<Effect, 'deny'>; message: string }
  | { effect: 'deny'; reason: Extract<OperationFailure, 'denied-by-policy' | 'frozen'>; message: string };

/** Without any rule for a kind: the grant is the consent to install (docs/decisions/0002), removing needs a rule, and what was consented to may be put right (docs/decisions/0090). */
export const DEFAULT_RULES: Readonly<Record<PolicyClass, Effect>> = {
  install: 'allow',
  upgrade: 'ask',
  rollback: 'ask',
  uninstall: 'deny',
  restart: 'ask',
  scale: 'ask',
  repair: 'allow',
};

/** What keeps everything is asked for, where what removes it would be denied (docs/decisions/0107). */
const DEFAULT_OF_KIND: Partial<Record<OperationKind | 'repair', Effect>> = { leave: 'ask' };

const STRICTNESS: Readonly<Record<Effect, number>> = { allow: 0, ask: 1, deny: 2 };

/**
 * The only door to any effect in the cluster. Of several policies the most restrictive counts; one that cannot be read
 * denies, a frozen one too. Pure.
 */
export function decide(
  kind: OperationKind | 'repair',
  installation: string,
  policies: readonly SupportPolicy[],
): Decision {
  const policyClass = policyClassOf(kind);
  const rules: { name: string; effect: Effect }[] = [];
  for (const policy of policies) {
    if ('invalid' in policy) {
      const message = `SupportPolicy ${policy.name} cannot be read, so every change is denied: ${policy.invalid}. The customer corrects or deletes it`;
      return { effect: 'deny', reason: 'denied-by-policy', message };
    }
    if (policy.installations && !policy.installations.includes(installation)) continue;
    if (policy.isFrozen) {
      const message = `SupportPolicy ${policy.name} freezes changes of ${installation}`;
      return { effect: 'deny', reason: 'frozen', message };
    }
    const effect = policy.rules[policyClass];
    if (effect) rules.push({ name: policy.name, effect });
  }
  const [strictest] = rules.sort((a, b) => STRICTNESS[b.effect] - STRICTNESS[a.effect]);
  const effect = strictest?.effect ?? DEFAULT_OF_KIND[kind] ?? DEFAULT_RULES[policyClass];
  const source = strictest ? `SupportPolicy ${strictest.name}` : 'the default without a rule for it';
  const what = policyClass === kind ? kind : `${kind} (class ${policyClass})`;
  const message = `${what} of ${installation}: ${effect} (${source})`;
  return effect === 'deny' ? { effect, reason: 'denied-by-policy', message } : { effect, message };
}

/** For an operation that is several things at once: the strictest word on any of them. */
export function decideAll(
  kinds: readonly [OperationKind, ...OperationKind[]],
  installation: string,
  policies: readonly SupportPolicy[],
): Decision {
  const [first, ...others] = kinds;
  return others
    .map((kind) => decide(kind, installation, policies))
    .reduce(
      (strictest, decision) => (STRICTNESS[decision.effect] > STRICTNESS[strictest.effect] ? decision : strictest),
      decide(first, installation, policies),
    );
}
