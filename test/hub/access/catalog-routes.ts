import { randomBytes } from 'node:crypto';
import { generateReleaseKey, ROLES, sha256 } from '@steward/shared';
import type { RouteRow } from './routes.ts';

const PUBLISHERS = ['owner', 'release-engineer'] as const;

/** The catalog is the vendor's; all of its customers read it. */
export const CATALOG_ROUTES: Record<string, RouteRow> = {
  'GET /api/v1/services': { roles: ROLES, call: () => ({ path: '/services' }), elsewhere: 'nothing' },
  'POST /api/v1/services': {
    roles: PUBLISHERS,
    call: () => ({ path: '/services', body: { slug: `s${randomBytes(6).toString('hex')}`, name: 'New' } }),
    elsewhere: 'nothing',
  },
  'GET /api/v1/services/:slug': {
    roles: ROLES,
    call: ({ own }) => ({ path: `/services/${own.catalog.service}` }),
    isForAllCustomers: true,
    elsewhere: 'not-found',
  },
  'GET /api/v1/services/:slug/releases': {
    roles: ROLES,
    call: ({ own }) => ({ path: `/services/${own.catalog.service}/releases` }),
    isForAllCustomers: true,
    elsewhere: 'not-found',
  },
  'GET /api/v1/services/:slug/releases/:version': {
    roles: ROLES,
    call: ({ own }) => ({ path: `/services/${own.catalog.service}/releases/${own.catalog.version}` }),
    isForAllCustomers: true,
    elsewhere: 'not-found',
  },
  'GET /api/v1/services/:slug/channels': {
    roles: ROLES,
    call: ({ own }) => ({ path: `/services/${own.catalog.service}/channels` }),
    isForAllCustomers: true,
    elsewhere: 'not-found',
  },
  'PUT /api/v1/services/:slug/channels/:channel': {
    roles: PUBLISHERS,
    call: ({ own }) => ({
      path: `/services/${own.catalog.service}/channels/beta`,
      body: { version: own.catalog.version },
    }),
    elsewhere: 'not-found',
  },
  'PUT /api/v1/charts/:digest': {
    roles: PUBLISHERS,
    call: ({ own }) => ({ path: `/charts/${sha256(own.catalog.chart)}`, body: own.catalog.chart }),
    elsewhere: 'nothing',
  },
  'POST /api/v1/releases': {
    roles: PUBLISHERS,
    call: ({ own }) => ({ path: '/releases', body: { envelope: own.catalog.sign() } }),
    elsewhere: 'refused',
  },
  'GET /api/v1/release-keys': { roles: ROLES, call: () => ({ path: '/release-keys' }), elsewhere: 'nothing' },
  'POST /api/v1/release-keys': {
    roles: ['owner'],
    call: () => ({ path: '/release-keys', body: { name: 'new', publicKey: generateReleaseKey().key.publicKey } }),
    elsewhere: 'nothing',
  },
};
