import type { Role } from '@steward/shared';
import type { TenantContext } from '../db/tenant-context.ts';
import { ProblemError } from '../http/problem.ts';
import { canHandOut, isCustomerRole } from './role-rules.ts';

/**
 * The customer that a new user or token is bound to; undefined for the vendor's own.
 * @throws ProblemError when the caller may not hand out that role, or role and customer do not fit
 */
export async function customerFor(
  context: TenantContext,
  { role, customer }: { role: Role; customer?: string },
  load: (slug: string) => Promise<{ id: string }>,
): Promise<string | undefined> {
  if (!canHandOut(context.role, role))
    throw new ProblemError('not-allowed', `the role ${context.role} may not hand out the role ${role}`, {
      action: 'ask an owner',
    });
  if (!isCustomerRole(role)) {
    if (customer === undefined) return undefined;
    throw new ProblemError('invalid-request', `the role ${role} is the vendor's and cannot be bound to a customer`, {
      action: 'leave `customer` out, or use customer-admin or customer-viewer',
    });
  }
  if (customer !== undefined) return (await load(customer)).id;
  if (context.customerId === undefined)
    throw new ProblemError('invalid-request', `the role ${role} needs a customer`, { action: 'name it in `customer`' });
  return context.customerId;
}
