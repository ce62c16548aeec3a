import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { attach, down, halt, up, type ClusterHandle } from './cluster.ts';
import { componentNames } from './node/components.ts';
import { control } from './node/control.ts';
import { namesOfClusters, readLayout } from './node/record.ts';
import { stateRoot } from './node/layout.ts';
import { missingPackages } from './packages.ts';
import { buildProgram, isProgramName } from './programs/programs.ts';

const usage = `usage: cli.ts [--name NAME] COMMAND
  up                  bring the cluster up, or find it up; a halted one goes on
  halt                shut it down like a machine, keep its disk
  down                remove it without a trace
  status              clusters, addresses, components
  kubeconfig          print the kubeconfig's path
  kubectl ARGS...     run kubectl against it
  helm ARGS...        run helm against it
  build PROGRAM...    build what is run here (a folder of go/ each) and is not in the cache yet
  logs COMPONENT      print a component's log (also: init)
  kill COMPONENT      kill -9; it is started again
  stop|start|restart COMPONENT
components: ${componentNames.join(', ')}
`;

type Command = (name: string, args: string[]) => Promise<number>;

const commands: Record<string, Command> = {
  async up(name) {
    if (!(await attach(name))) process.stderr.write(announcement(name));
    const startedAt = Date.now();
    const cluster = await up({ name, log });
    log(`cluster ${name} is up (${((Date.now() - startedAt) / 1000).toFixed(1)} s)`);
    log(`API server https://${cluster.nodeAddress}:6443, pods reach this machine at ${cluster.hostAddress}`);
    process.stdout.write(`export KUBECONFIG=${cluster.kubeconfig}\n`);
    return 0;
  },
  async halt(name) {
    await halt(name);
    log(`cluster ${name} is halted: "up" goes on, "down" removes it`);
    return 0;
  },
  async down(name) {
    await down(name);
    log(`cluster ${name} is gone`);
    return 0;
  },
  async status() {
    for (const name of await namesOfClusters()) {
      const layout = await readLayout(name);
      const running = await attach(name);
      process.stdout.write(
        `${name}: ${running ? `node ${running.nodeAddress}, host ${running.hostAddress}` : 'not running ("up" goes on with it, "down" removes it)'}\n`,
      );
      if (layout && running) process.stdout.write(await control(layout, 'GET', '/components'));
    }
    return 0;
  },
  async kubeconfig(name) {
    process.stdout.write(`${(await running(name)).kubeconfig}\n`);
    return 0;
  },
  async kubectl(name, args) {
    return run(await running(name), [await buildProgram('kube', log), 'kubectl', ...args]);
  },
  async helm(name, args) {
    return run(await running(name), [await buildProgram('helm', log), ...args]);
  },
  async build(_name, programs) {
    const ending = new AbortController();
    process.once('SIGTERM', () => ending.abort(new Error('ended before all was built')));
    for (const program of programs) {
      if (!isProgramName(program)) throw new Error(`there is no program ${program}`);
      await buildProgram(program, log, ending.signal);
    }
    return 0;
  },
  async logs(name, [component = '']) {
    return run(await running(name), ['cat', join((await running(name)).stateDir, 'log', `${component}.log`)]);
  },
  kill: act('kill'),
  stop: act('stop'),
  start: act('start'),
  restart: act('restart'),
};

function act(action: 'kill' | 'stop' | 'start' | 'restart'): Command {
  return async (name, [wanted]) => {
    const component = componentNames.find((known) => known === wanted);
    if (!component) throw new Error(`say which component: ${componentNames.join(', ')}`);
    await (await running(name)).component(component, action);
    return 0;
  };
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}

function announcement(name: string): string {
  const missing = missingPackages();
  const packages = missing.length > 0 ? `  installs the Debian packages ${missing.join(', ')} (these stay)\n` : '';
  return `bringing up cluster ${name}. On this machine it
${packages}  makes ${join(stateRoot, name)}, a control group steward-${name}, and a network link to an address of its own
  keeps what it builds in the cache folder (these stay, and can be deleted)
all else is inside namespaces of its own; "down" removes it.
`;
}

async function running(name: string): Promise<ClusterHandle> {
  const cluster = await attach(name);
  if (!cluster) throw new Error(`cluster ${name} is not running: bring it up with "up --name ${name}"`);
  return cluster;
}

function run(cluster: ClusterHandle, [program = '', ...args]: string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const own = { KUBECONFIG: cluster.kubeconfig, KUBECACHEDIR: join(cluster.stateDir, 'tmp', 'kubectl') };
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...own } });
  child.on('error', reject);
  child.on('close', (code) => resolve(code ?? 1));
  return promise;
}

async function main(words: string[]): Promise<number> {
  let name = 'test';
  // Only before the command: what follows it may be kubectl's own --name.
  if (words[0] === '--name') [, name = ''] = words.splice(0, 2);
  const [word = '', ...args] = words;
  const command = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (!command) {
    process.stderr.write(usage);
    return 2;
  }
  return command(name, args);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
