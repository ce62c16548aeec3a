import { afterAll, beforeAll, expect, it } from 'vitest';
import { ROUTES } from '../access/routes.ts';
import { createWorld, type World } from '../access/world.ts';
import { nastyCalls, type Choose } from './calls.ts';
import { routesOf, type Document } from './document.ts';
import { fuzzRoute } from './fuzz-route.ts';
import { rawClient, type RawClient } from './send-raw.ts';

/** Without a call of its own in the table of routes. */
const BARE: Record<string, { path: string; body?: unknown }> = {
  'GET /api/v1/openapi.json': { path: '/openapi.json' },
  'POST /api/v1/sessions': { path: '/sessions', body: { email: 'nobody@example.test', password: 'x' } },
};
const FUZZED = Object.keys(ROUTES).filter((route) => route.includes(' /api/'));

/** A test for each route of the API, with nasty values as they are chosen. */
export function describeFuzz(choose: Choose): void {
  let world: World;
  let client: RawClient;
  let document: Document;

  beforeAll(async () => {
    world = await createWorld();
    client = rawClient(world.hub.url, world.own.callers.owner.token);
    document = await world.own.callers.owner.get<Document>('/openapi.json');
  });
  afterAll(async () => {
    client.close();
    await world.end();
  });

  it.each(FUZZED)('%s refuses it in the words of RFC 9457, and changes nothing', async (name) => {
    const [method = '', path = ''] = name.split(' ');
    const described = routesOf(document).find(
      (route) => route.method === method && route.path === path.replace(/:(\w+)/g, '{$1}'),
    );
    if (!described) throw new Error(`${name} is not in the OpenAPI document`);
    const base = BARE[name] ?? (await ROUTES[name]?.call?.(world, 'owner'));
    if (!base) throw new Error(`there is no call of ${name}`);
    expect(await fuzzRoute(world, client, nastyCalls(described, base, document, choose))).toEqual([]);
  });
}
