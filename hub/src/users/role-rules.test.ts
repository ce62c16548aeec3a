import { ROLES, type Role } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { canHandOut } from './role-rules.ts';

const GIVES: Record<Role, readonly Role[]> = {
  owner: ROLES,
  'release-engineer': ['release-engineer', 'support-engineer', 'viewer'],
  'support-engineer': ['support-engineer', 'viewer'],
  viewer: ['viewer'],
  'customer-admin': ['customer-admin', 'customer-viewer'],
  'customer-viewer': ['customer-viewer'],
};

describe('handing out roles', () => {
  it.each(ROLES)('%s gives its own and weaker ones of its side', (own) => {
    expect(ROLES.filter((wanted) => canHandOut(own, wanted))).toEqual(GIVES[own]);
  });
});
