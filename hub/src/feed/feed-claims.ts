import type { TenantContext } from '../db/tenant-context.ts';
import type { Claim } from '../http/server/places.ts';

const MAX_STREAMS = { hub: 2_000, customer: 200, actor: 50 };

/** What an open feed takes its place from. Names of people and tokens are only unique inside their organization and customer. */
export function feedClaims({ organizationId, customerId, actor }: TenantContext): Claim[] {
  const tenant = `${organizationId}/${customerId ?? ''}`;
  return [
    { key: 'hub', max: MAX_STREAMS.hub },
    // The vendor's own people share the hub's places; one customer's must not use them up.
    ...(customerId === undefined ? [] : [{ key: tenant, max: MAX_STREAMS.customer }]),
    { key: `${tenant}/${actor}`, max: MAX_STREAMS.actor },
  ];
}
