import { ROLES, type Problem, type Role } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Api, ApiAnswer } from '../support/api.ts';
import { openFeed } from '../support/feed.ts';
import { ROUTES, type Call, type RouteRow } from './access/routes.ts';
import { createWorld, type World } from './access/world.ts';

interface LoggedRoutes {
  msg: string;
  routes: { method: string; path: string; access: readonly Role[] | 'public' }[];
}

const GUARDED = Object.entries(ROUTES).filter(([, { roles }]) => roles !== 'public');
let world: World;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.end());

async function ask(api: Api, route: string, { path, body }: Call): Promise<ApiAnswer<unknown>> {
  const [method = ''] = route.split(' ');
  if (ROUTES[route]?.isStream !== true) return api.call(method, path, body);
  const feed = await openFeed(api, path);
  await feed.close();
  const told: unknown = feed.status === 200 ? feed.text : JSON.parse(feed.text);
  return { status: feed.status, headers: {}, body: told };
}

function codeOf(answer: ApiAnswer<unknown>): string {
  return (answer.body as Partial<Problem>).type?.split('/').at(-1) ?? '';
}

/** A refusal by role has this wording; the same status can also mean that the role may not do it with this body. */
function isRefusedByRole(answer: ApiAnswer<unknown>): boolean {
  return answer.status === 403 && (answer.body as Partial<Problem>).detail?.endsWith(' may not do this') === true;
}

function callOf(row: RouteRow, role: Role = 'owner'): Call | Promise<Call> {
  if (!row.call) throw new Error('a row for a guarded route needs a call');
  return row.call(world, role);
}

/** Nothing in the answer but what the caller said. */
function expectElsewhere(answer: ApiAnswer<unknown>, row: RouteRow, said: Call, secrets: readonly string[]): void {
  const [told, asked] = [JSON.stringify(answer.body), JSON.stringify(said)];
  expect(secrets.filter((id) => told.includes(id) && !asked.includes(id))).toEqual([]);
  if (row.elsewhere === 'not-found') expect(answer.status).toBe(404);
  if (row.elsewhere === 'refused') expect(answer.status).toBeGreaterThanOrEqual(400);
}

describe('access', () => {
  it('has a row for every route of the hub, and no other', () => {
    const line = world.hub.logs.map((text) => JSON.parse(text) as LoggedRoutes).find(({ msg }) => msg === 'routes');
    const routes = line?.routes ?? [];
    expect(routes.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(Object.keys(ROUTES).sort());
    for (const { method, path, access } of routes) {
      const wanted = ROUTES[`${method} ${path}`]?.roles;
      expect(access === 'public' ? access : [...access].sort(), `${method} ${path}`).toEqual(
        wanted === 'public' ? wanted : [...(wanted ?? [])].sort(),
      );
    }
  });

  it.each(GUARDED)('%s asks for a token', async (route, row) => {
    const answer = await ask(world.own.callers.owner.as(undefined), route, await callOf(row));
    expect([answer.status, codeOf(answer)]).toEqual([401, 'not-authenticated']);
    const unknown = await ask(world.own.callers.owner.as(`stw_t_${'x'.repeat(43)}`), route, await callOf(row));
    expect(unknown.status).toBe(401);
  });

  it.each(GUARDED)('%s lets in its roles only', async (route, row) => {
    for (const role of ROLES) {
      const answer = await ask(world.own.callers[role], route, await callOf(row, role));
      expect(isRefusedByRole(answer), `${role}: ${answer.status}`).toBe(!row.roles.includes(role));
      expect(answer.status, role).toBeLessThan(500);
      const succeeds = row.roles.includes(role) && row.needsSession !== true;
      if (succeeds && (role === 'owner' || role === 'customer-admin'))
        expect(answer.status, JSON.stringify(answer.body)).toBeLessThan(300);
    }
  });

  it.each(GUARDED)('%s shows nothing to another customer', async (route, row) => {
    for (const role of ['customer-admin', 'customer-viewer'] as const) {
      if (!row.roles.includes(role)) continue;
      const call = await callOf(row, role);
      const answer = await ask(world.own.otherCallers[role], route, call);
      if (row.isForAllCustomers === true) expect(answer.status).toBeLessThan(300);
      expectElsewhere(
        answer,
        row.isForAllCustomers === true ? { ...row, elsewhere: 'nothing' } : row,
        call,
        (await world.loadIds()).customer,
      );
    }
  });

  it.each(GUARDED)('%s shows nothing to another vendor', async (route, row) => {
    for (const role of ROLES) {
      if (!row.roles.includes(role)) continue;
      const call = await callOf(row, role);
      const answer = await ask(world.foreign.callers[role], route, call);
      if (isRefusedByRole(answer)) continue;
      expectElsewhere(answer, row, call, (await world.loadIds()).vendor);
    }
  });
});
