import { expect, it } from 'vitest';
import type { TenantContext } from '../db/tenant-context.ts';
import { Places } from '../http/server/places.ts';
import { feedClaims } from './feed-claims.ts';

const context = (organizationId: string, customerId: string | undefined, actor: string): TenantContext => ({
  organizationId,
  role: 'viewer',
  actor,
  ...(customerId !== undefined && { customerId }),
});

function takeAll(places: Places, who: TenantContext): number {
  let taken = 0;
  while (places.take(feedClaims(who))) taken += 1;
  return taken;
}

it('an actor does not use up the feeds of one of the same name elsewhere', () => {
  const places = new Places();
  expect(takeAll(places, context('o1', 'c1', 'token ci'))).toBe(50);
  expect(takeAll(places, context('o1', 'c2', 'token ci'))).toBe(50);
  expect(takeAll(places, context('o1', undefined, 'token ci'))).toBe(50);
  expect(takeAll(places, context('o2', 'c1', 'token ci'))).toBe(50);
});

it('a customer with many names does not use up those of the others', () => {
  const places = new Places();
  let taken = 0;
  for (let n = 0; n < 10; n += 1) taken += takeAll(places, context('o1', 'c1', `token ${n}`));
  expect(taken).toBe(200);
  expect(takeAll(places, context('o1', undefined, 'owner'))).toBe(50);
});
