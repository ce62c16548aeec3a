import { randomBytes } from 'node:crypto';
import { ROLES, type Role } from '@steward/shared';
import { CATALOG_ROUTES } from './catalog-routes.ts';
import { CLUSTER_ROUTES } from './cluster-routes.ts';
import { FLEET_ROUTES } from './fleet-routes.ts';
import { createToken, createUser, type World } from './world.ts';

export interface Call {
  path: string;
  body?: unknown;
}

/**
 * What a route must do, stated apart from its code. `call` makes a request about something of the first vendor's first customer; it may
 * create it. Roles that are let in get there only as that vendor, and as that customer.
 */
export interface RouteRow {
  /** Who is let in. `public`: the route authenticates in its own way or not at all, and is tested where it is. */
  roles: readonly Role[] | 'public';
  call?: (world: World, role: Role) => Call | Promise<Call>;
  /** What everyone else's caller of a role that is let in gets: nothing of it in the answer, or not found, or a refused request. */
  elsewhere?: 'nothing' | 'not-found' | 'refused';
  /** The vendor's other customers may have it as well. */
  isForAllCustomers?: boolean;
  isStream?: boolean;
  /** An API token, as which everybody comes here, is refused. */
  needsSession?: boolean;
}

export const VENDOR: readonly Role[] = ['owner', 'release-engineer', 'support-engineer', 'viewer'];
const KEEPERS: readonly Role[] = ['owner', 'release-engineer', 'support-engineer', 'customer-admin'];
const isPublic: RouteRow = { roles: 'public' };

function unique(): string {
  return randomBytes(6).toString('hex');
}

/** One row per route, `METHOD /path`. A route that is not here fails the test, and so does a row without a route. */
export const ROUTES: Record<string, RouteRow> = {
  ...CATALOG_ROUTES,
  ...CLUSTER_ROUTES,
  ...FLEET_ROUTES,
  'GET /': isPublic,
  'GET /page/:file': isPublic,
  'GET /healthz': isPublic,
  'GET /readyz': isPublic,
  'GET /metrics': isPublic,
  'GET /api/v1/openapi.json': isPublic,
  'POST /api/v1/sessions': isPublic,

  'DELETE /api/v1/sessions/current': {
    roles: ROLES,
    call: () => ({ path: '/sessions/current' }),
    elsewhere: 'nothing',
    needsSession: true,
  },
  'GET /api/v1/me': { roles: ROLES, call: () => ({ path: '/me' }), elsewhere: 'nothing' },
  'PUT /api/v1/me/password': {
    roles: ROLES,
    call: () => ({ path: '/me/password', body: { oldPassword: 'not known', password: 'correct horse battery' } }),
    elsewhere: 'refused',
    needsSession: true,
  },
  'GET /api/v1/organization': { roles: ROLES, call: () => ({ path: '/organization' }), elsewhere: 'nothing' },
  'GET /api/v1/feed': { roles: ROLES, call: () => ({ path: '/feed' }), elsewhere: 'nothing', isStream: true },

  'GET /api/v1/customers': { roles: ROLES, call: () => ({ path: '/customers' }), elsewhere: 'nothing' },
  'POST /api/v1/customers': {
    roles: ['owner', 'support-engineer'],
    call: () => ({ path: '/customers', body: { slug: unique(), name: 'New' } }),
    elsewhere: 'nothing',
  },
  'GET /api/v1/customers/:slug': {
    roles: ROLES,
    call: ({ own }) => ({ path: `/customers/${own.customers[0].slug}` }),
    elsewhere: 'not-found',
  },

  'GET /api/v1/users': { roles: [...VENDOR, 'customer-admin'], call: () => ({ path: '/users' }), elsewhere: 'nothing' },
  'POST /api/v1/users': {
    roles: ['owner', 'customer-admin'],
    call: ({ own }) => ({
      path: '/users',
      body: {
        email: `${unique()}@example.test`,
        name: 'New',
        role: 'customer-viewer',
        customer: own.customers[0].slug,
      },
    }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/users/:id': {
    roles: [...VENDOR, 'customer-admin'],
    call: async (world) => ({ path: `/users/${(await createUser(world)).id}` }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/users/:id/password': {
    roles: ['owner', 'customer-admin'],
    call: async (world) => ({ path: `/users/${(await createUser(world)).id}/password` }),
    elsewhere: 'not-found',
  },
  'DELETE /api/v1/users/:id': {
    roles: ['owner', 'customer-admin'],
    call: async (world) => ({ path: `/users/${(await createUser(world)).id}` }),
    elsewhere: 'not-found',
  },

  'GET /api/v1/tokens': { roles: KEEPERS, call: () => ({ path: '/tokens' }), elsewhere: 'nothing' },
  'POST /api/v1/tokens': {
    roles: KEEPERS,
    call: (_world, role) => ({
      path: '/tokens',
      body: { name: 'new', role: role.startsWith('customer-') ? 'customer-viewer' : 'viewer' },
    }),
    elsewhere: 'nothing',
  },
  'DELETE /api/v1/tokens/:id': {
    roles: KEEPERS,
    call: async (world) => ({ path: `/tokens/${(await createToken(world)).id}` }),
    elsewhere: 'not-found',
  },
};
