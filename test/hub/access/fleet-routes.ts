import { ROLES } from '@steward/shared';
import type { RouteRow } from './routes.ts';
import { createInstallation, newName } from './world.ts';

const OPERATORS = ['owner', 'release-engineer', 'support-engineer', 'customer-admin'] as const;

export const FLEET_ROUTES: Record<string, RouteRow> = {
  'GET /api/v1/installations': { roles: ROLES, call: () => ({ path: '/installations' }), elsewhere: 'nothing' },
  'POST /api/v1/installations': {
    roles: OPERATORS,
    call: ({ own }) => ({
      path: '/installations',
      body: { name: newName(), cluster: own.cluster, service: own.catalog.service },
    }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id': {
    roles: ROLES,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}` }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id/events': {
    roles: ROLES,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}/events` }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id/metrics': {
    roles: ROLES,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}/metrics` }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id/metrics/range': {
    roles: ROLES,
    call: async (world) => ({
      path: `/installations/${(await createInstallation(world)).installation.id}/metrics/range?name=up`,
    }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id/export': {
    roles: ROLES,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}/export` }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/installations/:id/chart': {
    roles: ROLES,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}/chart` }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/installations/:id/grant': {
    roles: OPERATORS,
    call: async (world) => ({ path: `/installations/${(await createInstallation(world)).installation.id}/grant` }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/installations/:id/operations': {
    roles: OPERATORS,
    call: async (world) => ({
      path: `/installations/${(await createInstallation(world)).installation.id}/operations`,
      body: { kind: 'upgrade', version: world.own.catalog.version },
    }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/operations': { roles: ROLES, call: () => ({ path: '/operations' }), elsewhere: 'nothing' },
  'GET /api/v1/operations/:id': {
    roles: ROLES,
    call: async (world) => ({ path: `/operations/${(await createInstallation(world)).operation.id}` }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/operations/:id/cancel': {
    roles: OPERATORS,
    call: async (world) => ({ path: `/operations/${(await createInstallation(world)).operation.id}/cancel` }),
    elsewhere: 'not-found',
  },
};
