import { IMAGE_SOURCE, SUPPORT_POLICY } from '../operations/kinds.ts';
import type { RuleKind } from '../policy/rule-problems.ts';
import { readSupportPolicy } from '../policy/support-policy.ts';
import { readImageSource } from './images/load-image-source.ts';

/** The kinds that customers write rules in. */
export const RULE_KINDS: readonly RuleKind[] = [
  {
    ref: SUPPORT_POLICY,
    effect: 'every change is denied',
    fault: (object) => {
      const policy = readSupportPolicy(object);
      return 'invalid' in policy ? policy.invalid : undefined;
    },
  },
  {
    ref: IMAGE_SOURCE,
    effect: 'nothing that needs an image or a chart can be done',
    fault: (object) => {
      const read = readImageSource(object);
      return read.ok ? undefined : read.error;
    },
  },
];
