import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, watch } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AGENT_NODE_FLAGS, AGENT_SERVICE_ACCOUNT } from '@steward/shared';
import { parseAllDocuments, stringify } from 'yaml';
import { AGENT_BUNDLE } from '../../../scripts/bundle-agent.ts';
import { buildProgram } from '../../cluster/programs/programs.ts';
import type { Stack } from '../stack.ts';
import type { KubeGate } from './kube-gate.ts';

interface Manifest {
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  stringData?: Record<string, string>;
}

interface Life {
  /** By which signal, if any. */
  exited: Promise<NodeJS.Signals | null>;
  signal: (name: NodeJS.Signals) => void;
}

interface Kubeconfig {
  users: [{ user: { token: string } }];
}
const KUBECONFIG = join('kube', 'kubeconfig');

/** In it is a line for each start of helm. */
const RENDERS = 'renders';

/**
 * An agent that was installed by a vendor's line, but runs as a process of this machine: one that is killed is back at
 * once, where a kubelet waits longer each time. It has the shipped rights, and reaches the API server through a gate.
 */
export class MortalAgent {
  readonly #folder: string;
  readonly #env: Record<string, string>;
  /** Everything that any life of it said. */
  readonly lines: string[] = [];
  #life: Life;
  #isExpectedToEnd = false;
  /** Lives that ended without having been killed. */
  endedByItself = 0;

  private constructor(folder: string, env: Record<string, string>) {
    this.#folder = folder;
    this.#env = env;
    this.#life = this.#start();
  }

  /** @param line the vendor's install line */
  static async install(stack: Stack, gate: KubeGate, line: string): Promise<MortalAgent> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-mortal-'));
    const yaml = await stack.shell(line.split(' | kubectl')[0] ?? '');
    const documents = parseAllDocuments(yaml)
      .map((document) => document.toJS() as Manifest | null)
      .filter((object) => object !== null);
    const items = documents.filter(({ kind }) => kind !== 'Deployment');
    await stack.kubectl(['apply', '--server-side', '-f', '-'], items.map((item) => stringify(item)).join('---\n'));
    const token = await stack.kubectl([
      'create',
      'token',
      AGENT_SERVICE_ACCOUNT,
      '-n',
      stack.agentNamespace,
      '--duration=6h',
    ]);
    const files: Record<string, Record<string, string> | undefined> = {
      config: documents.find(({ kind, data }) => kind === 'ConfigMap' && data?.['hub-url'])?.data,
      enrolment: documents.find(({ kind, stringData }) => kind === 'Secret' && stringData?.['token'])?.stringData,
      kube: { kubeconfig: kubeconfig(gate, token.trim()) },
      tmp: {},
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(join(folder, name));
      for (const [file, text] of Object.entries(content ?? {})) await writeFile(join(folder, name, file), text);
    }
    return new MortalAgent(folder, {
      MALLOC_ARENA_MAX: '1',
      MALLOC_TRIM_THRESHOLD_: '65536',
      UV_THREADPOOL_SIZE: '1',
      STEWARD_CONFIG_DIR: join(folder, 'config'),
      STEWARD_ENROLMENT_DIR: join(folder, 'enrolment'),
      STEWARD_KUBECONFIG: join(folder, KUBECONFIG),
      STEWARD_TMP: join(folder, 'tmp'),
      STEWARD_NAMESPACE: stack.agentNamespace,
      // A container that is started again has the name of its pod.
      STEWARD_REPLICA: 'agent-1',
      STEWARD_HEALTH_PORT: '0',
      STEWARD_HEALTH_HOST: '127.0.0.1',
      STEWARD_HELM: await notingHelm(folder),
    });
  }

  /** Another replica of it, with a gate of its own: it waits for the lease. */
  async twin(gate: KubeGate): Promise<MortalAgent> {
    const folder = await mkdtemp(join(tmpdir(), 'steward-mortal-'));
    await cp(this.#folder, folder, { recursive: true });
    const { token } = (JSON.parse(await readFile(join(folder, KUBECONFIG), 'utf8')) as Kubeconfig).users[0].user;
    await writeFile(join(folder, KUBECONFIG), kubeconfig(gate, token));
    const moved = Object.entries(this.#env).map(([key, value]) => [key, value.replace(this.#folder, folder)]);
    return new MortalAgent(folder, { ...Object.fromEntries(moved), STEWARD_REPLICA: 'agent-2' });
  }

  /** SIGSTOP and SIGCONT: it stands still, and goes on where it was. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#life.signal(name);
  }

  /** SIGKILL; resolves when it is dead. @returns whether it died of that */
  async kill(): Promise<boolean> {
    this.#isExpectedToEnd = true;
    this.#life.signal('SIGKILL');
    return (await this.#life.exited) === 'SIGKILL';
  }

  /** Another life of it. */
  revive(): void {
    this.#isExpectedToEnd = false;
    this.#life = this.#start();
  }

  /** Calls with the process id of each helm that it starts. @returns what ends that */
  onRender(listener: (helm: number) => void): () => void {
    const file = join(this.#folder, RENDERS);
    let seen = pidsIn(file).length;
    const watcher = watch(file, () => {
      const pids = pidsIn(file);
      for (const pid of pids.slice(seen)) listener(pid);
      seen = pids.length;
    });
    return () => watcher.close();
  }

  /** Names of files of renders that nobody needs any more. */
  leftovers(): Promise<string[]> {
    return readdir(join(this.#folder, 'tmp'));
  }

  async close(): Promise<void> {
    this.#isExpectedToEnd = true;
    this.#life.signal('SIGTERM');
    await this.#life.exited;
    await rm(this.#folder, { recursive: true, force: true });
  }

  #start(): Life {
    const child = spawn(process.execPath, [...AGENT_NODE_FLAGS, AGENT_BUNDLE], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: this.#env,
    });
    const exited = once(child, 'exit').then(([, signal]: (NodeJS.Signals | null)[]) => {
      if (!this.#isExpectedToEnd) this.endedByItself += 1;
      return signal ?? null;
    });
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => this.lines.push(...text.split('\n').filter(Boolean)));
    return { exited, signal: (name) => void child.kill(name) };
  }
}

function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number);
}

/** A helm that first notes which process it is. */
async function notingHelm(folder: string): Promise<string> {
  const [path, renders] = [join(folder, 'helm'), join(folder, RENDERS)];
  await writeFile(renders, '');
  const helm = await buildProgram('helm');
  await writeFile(path, `#!/bin/sh\necho $$ >> ${renders}\nexec ${helm} "$@"\n`, { mode: 0o755 });
  return path;
}

function kubeconfig({ url, caPem }: KubeGate, token: string): string {
  const name = 'mortal';
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster: { server: url, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
  });
}
