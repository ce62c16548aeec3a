import { ROLES, type CreatedCluster, type Role } from '@steward/shared';
import { FakeAgent } from '../../support/fake-agent.ts';
import { hubAddress } from '../../support/hub-address.ts';
import type { RouteRow } from './routes.ts';
import { newName, type World } from './world.ts';

const VENDOR: readonly Role[] = ['owner', 'release-engineer', 'support-engineer', 'viewer'];
const KEEPERS: readonly Role[] = ['owner', 'support-engineer', 'customer-admin'];

async function createCluster({ own }: World): Promise<string> {
  const made = await own.callers.owner.post<CreatedCluster>('/clusters', {
    name: newName(),
    customer: own.customers[0].slug,
  });
  return made.cluster.id;
}

const NEW_PLACE = 'the-new-place';
const moved = new WeakMap<World, Promise<string>>();

/** One for all: to say again where it has moved to changes nothing. */
function movedCluster(world: World): Promise<string> {
  const known = moved.get(world) ?? makeMovedCluster(world);
  moved.set(world, known);
  return known;
}

async function makeMovedCluster({ own, hub }: World): Promise<string> {
  const wanted = { name: newName(), customer: own.customers[0].slug };
  const { cluster, enrolment } = await own.callers.owner.post<CreatedCluster>('/clusters', wanted);
  const agent = await FakeAgent.enrol(hubAddress(hub.url), enrolment.token);
  await agent.open({ claims: { cluster: NEW_PLACE } }).catch(() => undefined);
  return cluster.id;
}

/** Clusters, and what agents and curl use, which prove themselves in their own way. */
export const CLUSTER_ROUTES: Record<string, RouteRow> = {
  'GET /api/v1/clusters': { roles: ROLES, call: () => ({ path: '/clusters' }), elsewhere: 'nothing' },
  'POST /api/v1/clusters': {
    roles: KEEPERS,
    call: ({ own }) => ({ path: '/clusters', body: { name: newName(), customer: own.customers[0].slug } }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/clusters/:id': {
    roles: ROLES,
    call: async (world) => ({ path: `/clusters/${await createCluster(world)}` }),
    elsewhere: 'not-found',
  },
  'DELETE /api/v1/clusters/:id': {
    roles: ['owner', 'support-engineer'],
    call: async (world) => ({ path: `/clusters/${await createCluster(world)}` }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/clusters/:id/enrolment': {
    roles: KEEPERS,
    call: async (world) => ({ path: `/clusters/${await createCluster(world)}/enrolment`, body: {} }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/clusters/:id/re-enrolment': {
    roles: KEEPERS,
    call: async (world) => ({
      path: `/clusters/${await movedCluster(world)}/re-enrolment`,
      body: { clusterUid: NEW_PLACE },
    }),
    elsewhere: 'not-found',
  },
  'POST /api/v1/clusters/:id/revoke': {
    roles: KEEPERS,
    call: async (world) => ({ path: `/clusters/${await createCluster(world)}/revoke` }),
    elsewhere: 'not-found',
  },
  'GET /api/v1/clusters/:id/rejected-records': {
    roles: VENDOR,
    call: async (world) => ({ path: `/clusters/${await createCluster(world)}/rejected-records` }),
    elsewhere: 'not-found',
  },
  'POST /agent/v1/enrol': { roles: 'public' },
  'GET /agent/v1/releases/:digest': { roles: 'public' },
  'GET /agent/v1/charts/:digest': { roles: 'public' },
  'GET /install/v1/agent': { roles: 'public' },
  'GET /install/v1/grants/:id': { roles: 'public' },
};
