import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { goBuild } from './go-build.ts';
import { withLock } from './lock.ts';
import { runCommand } from './run-command.ts';

export type Log = (line: string) => void;

/** What is built from test/cluster/go: a folder is a Go module, and one program of it is one file in the cache. */
interface Recipe {
  folder: string;
  /** The Go package; the module's own main unless told. */
  package: string;
  variables: Record<string, string>;
  /** How long a first build takes on two cores, for the reader of the progress line. */
  takes: string;
}

function kubernetes(folder: string, version: string): Recipe {
  const [major = '', minor = ''] = version.split('.');
  const variable = 'k8s.io/component-base/version';
  return {
    folder,
    package: '.',
    variables: {
      [`${variable}.gitVersion`]: `v${version}`,
      [`${variable}.gitMajor`]: major,
      [`${variable}.gitMinor`]: minor,
      [`${variable}.gitTreeState`]: 'clean',
    },
    takes: '6 to 10 minutes',
  };
}

const recipes = {
  kube: kubernetes('kube', '1.36.3'),
  // Older ones are not to be had whole as modules.
  'kube-1.34': kubernetes('kube-1.34', '1.34.3'),
  coredns: { folder: 'coredns', package: '.', variables: {}, takes: 'about 2 minutes' },
  helm: { folder: 'helm', package: 'helm.sh/helm/v4/cmd/helm', variables: {}, takes: '1 to 4 minutes' },
  'metrics-server': {
    folder: 'metrics-server',
    package: 'sigs.k8s.io/metrics-server/cmd/metrics-server',
    variables: {},
    takes: '1 to 4 minutes',
  },
  'node-init': { folder: 'node-init', package: '.', variables: {}, takes: 'seconds' },
  probe: { folder: 'probe', package: '.', variables: {}, takes: 'seconds' },
  registry: { folder: 'registry', package: '.', variables: {}, takes: 'up to a minute' },
  volumes: { folder: 'volumes', package: '.', variables: {}, takes: '1 to 2 minutes' },
  'nats-2.14': {
    folder: 'nats-2.14',
    package: 'github.com/nats-io/nats-server/v2',
    variables: {},
    takes: 'up to a minute',
  },
  'nats-2.15': {
    folder: 'nats-2.15',
    package: 'github.com/nats-io/nats-server/v2',
    variables: {},
    takes: 'up to a minute',
  },
} satisfies Record<string, Recipe>;

export type ProgramName = keyof typeof recipes;

export function isProgramName(name: string): name is ProgramName {
  return Object.hasOwn(recipes, name);
}

/** The newest Kubernetes, unless `STEWARD_TEST_KUBERNETES` asks for the oldest that can be built here. @throws when it asks for another */
export function kubeProgram(): ProgramName {
  const wanted = process.env['STEWARD_TEST_KUBERNETES'];
  if (wanted === undefined) return 'kube';
  if (wanted === '1.34') return 'kube-1.34';
  throw new Error(`STEWARD_TEST_KUBERNETES is ${wanted}: it may be 1.34, or unset for the newest`);
}

/** Where everything that is expensive to make and safe to delete is kept. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'steward');
}

/**
 * The path of a static binary built from pinned Go modules, built on first use and then cached by the hash of its
 * sources, go.mod, go.sum, flags and the Go version. Two processes that want the same one build it once.
 */
export async function buildProgram(name: ProgramName, log: Log = () => {}, signal?: AbortSignal): Promise<string> {
  const recipe: Recipe = recipes[name];
  const folder = join(import.meta.dirname, '..', 'go', recipe.folder);
  const flags = ['-trimpath', '-buildvcs=false', '-mod=readonly', `-ldflags=${linkerFlags(recipe)}`];
  const key = await hashOf(folder, [await goVersion(), process.arch, recipe.package, ...flags]);
  const path = join(cacheFolder(), 'bin', `${name}-${key}`);
  if (existsSync(path)) return path;
  const build = async (): Promise<string> => {
    if (existsSync(path)) return path;
    log(`building ${name} from Go modules (${recipe.takes} on 2 cores, once) …`);
    await mkdir(join(cacheFolder(), 'bin'), { recursive: true });
    // Named by the process, since a killed one may have left its compiler running.
    const unfinished = `${path}.${process.pid}.new`;
    const source = { folder, package: recipe.package, environment: { ...goEnvironment(), CGO_ENABLED: '0' } };
    const scratch = join(cacheFolder(), `building-${name}`);
    await goBuild(source, {
      flags: [...flags, '-o', unfinished],
      scratch,
      log: (line) => log(`${name}: ${line}`),
      signal,
    });
    await rename(unfinished, path);
    return path;
  };
  return withLock(`build-${name}`, build, () => log(`another process is building ${name}: waiting for it …`));
}

function linkerFlags(recipe: Recipe): string {
  const variables = Object.entries(recipe.variables).map(([key, value]) => `-X ${key}=${value}`);
  return ['-s', '-w', '-buildid=', ...variables].join(' ');
}

/** The caller's environment (a proxy, a cache) without what would change the result or fetch another Go. */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, GOTOOLCHAIN: 'local', GOWORK: 'off', GOFLAGS: '' };
}

async function goVersion(): Promise<string> {
  const found = await runCommand(['go', 'env', 'GOVERSION'], { env: goEnvironment() }).catch(() => '');
  const [, minorVersion] = /^go1\.(\d+)/.exec(found.trim()) ?? [];
  if (Number(minorVersion ?? 0) >= 26) return found.trim();
  const problem = found ? `Go is too old (${found.trim()})` : 'Go is not installed';
  throw new Error(
    `${problem}: the test cluster is built from Go modules. Install Go 1.26 or newer and put it on PATH.`,
  );
}

async function hashOf(folder: string, rest: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(rest));
  for (const file of (await readdir(folder)).sort()) {
    hash.update(`\0${file}\0`).update(await readFile(join(folder, file)));
  }
  return hash.digest('hex').slice(0, 16);
}
