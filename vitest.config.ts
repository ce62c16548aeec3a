import { defineConfig } from 'vitest/config';

const long = { testTimeout: 180_000, hookTimeout: 300_000 };

/** One project per level of test; `npm test` runs them in this order, each only when the one before is green. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,hub,agent,hub/cli,hub/console}/src/**/*.test.ts'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'hub',
          include: ['test/hub/**/*.test.ts'],
          globalSetup: [
            'test/support/helm-setup.ts',
            'test/support/registry-setup.ts',
            'test/support/postgres-setup.ts',
          ],
          ...long,
          // These tests mostly wait for hubs: more of them than the machine has cores.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'console',
          include: ['test/console/**/*.test.ts'],
          globalSetup: ['test/support/browser-setup.ts', 'test/support/postgres-setup.ts'],
          ...long,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'agent',
          include: ['test/agent/**/*.test.ts'],
          provide: { everyDeath: false },
          globalSetup: [
            'test/support/helm-setup.ts',
            'test/support/registry-setup.ts',
            'test/support/cluster-setup.ts',
          ],
          ...long,
          // These mostly wait for pods. Each has an agent and namespaces of its own; none may end what all share.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: ['test/support/packages-setup.ts'],
          ...long,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          globalSetup: [
            'test/support/helm-setup.ts',
            'test/support/cluster-setup.ts',
            'test/support/images-setup.ts',
            'test/support/postgres-setup.ts',
          ],
          ...long,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts', 'test/agent/reconcile-{kill,hooks,remedies}.test.ts'],
          provide: { everyDeath: true },
          globalSetup: [
            'test/support/helm-setup.ts',
            'test/support/cluster-setup.ts',
            'test/support/images-setup.ts',
            'test/support/postgres-setup.ts',
          ],
          ...long,
          fileParallelism: false,
        },
      },
    ],
  },
});
