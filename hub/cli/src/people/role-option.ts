import { ROLES } from '@steward/shared';
import { Option } from 'commander';

export function roleOption(): Option {
  return new Option('--role <role>', 'what it may do').choices(ROLES).makeOptionMandatory();
}
