import { defineConfig } from 'vitest/config';
import { SecondTryReporter } from './scripts/second-try-reporter.ts';

const long = { testTimeout: 180_000, hookTimeout: 300_000 };

/** Tests with real programs are tried once more; what passed only then is said at the end of the run (docs/decisions/0142). */
const patient = { ...long, retry: 1 };

/** But for those whose second try would show less than the first. A file says so with `// @module-tag one-try`. */
const oneTry = {
  name: 'one-try',
  description: 'goes on where the test before ended, or counts what must happen once',
  retry: 0,
};

const setups = (...names: string[]): string[] => names.map((name) => `test/support/${name}-setup.ts`);
const everything = setups('helm', 'cluster', 'images', 'postgres');

/** One project per level of test; `npm test` runs them in this order, each only when the one before is green. */
export default defineConfig({
  test: {
    reporters: ['default', new SecondTryReporter()],
    tags: [oneTry],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,hub,agent,hub/cli,hub/console}/src/**/*.test.ts', 'scripts/**/*.test.ts'],
          testTimeout: 20_000,
          // They keep no state between files; loading what they test anew for each took longer than the tests.
          isolate: false,
          // Unless told, one worker less than the machine has cores.
          maxWorkers: '100%',
        },
      },
      {
        test: {
          name: 'hub',
          include: ['test/hub/**/*.test.ts'],
          globalSetup: setups('helm', 'registry', 'postgres'),
          ...patient,
          // These tests mostly wait for hubs: more of them than the machine has cores.
          maxWorkers: 3,
        },
      },
      {
        test: {
          name: 'console',
          include: ['test/console/**/*.test.ts'],
          globalSetup: setups('browser', 'postgres'),
          ...patient,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'agent',
          include: ['test/agent/**/*.test.ts'],
          provide: { everyDeath: false },
          globalSetup: setups('helm', 'registry', 'cluster'),
          ...patient,
          // These mostly wait for pods. Each has an agent and namespaces of its own; none may end what all share.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          globalSetup: setups('packages'),
          ...patient,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          globalSetup: everything,
          // Most of them tell one story each: a second try would begin in its middle.
          ...long,
          // Each has a hub, an agent and namespaces of its own.
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: 'outage',
          include: ['test/outage/**/*.test.ts'],
          globalSetup: everything,
          ...long,
          // They kill what all share.
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts', 'test/agent/reconcile-{kill,elastic}.test.ts'],
          provide: { everyDeath: true },
          globalSetup: [...everything, ...setups('metrics-server', 'volumes')],
          ...long,
          fileParallelism: false,
        },
      },
    ],
  },
});
