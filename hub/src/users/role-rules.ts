import { ROLES, type Role } from '@steward/shared';

/** Whether a role is one of a customer's, which always comes with a customer. */
export function isCustomerRole(role: Role): boolean {
  return role.startsWith('customer-');
}

/**
 * Whether somebody may give a role to a user or token, or take it away: the same or a weaker one of the same side. Only an owner hands out
 * a customer's roles from the vendor's side: whoever could, would speak for the customer towards the vendor's own engineers.
 */
export function canHandOut(own: Role, wanted: Role): boolean {
  if (isCustomerRole(own) !== isCustomerRole(wanted)) return own === 'owner';
  return ROLES.indexOf(wanted) >= ROLES.indexOf(own);
}
