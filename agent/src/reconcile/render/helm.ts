import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { LIMITS } from '@steward/shared';
import { done, failed, type Outcome } from '../outcome.ts';
import { masked } from './masked.ts';
import type { RenderRoom } from './render-room.ts';

export interface HelmRequest {
  helmPath: string;
  /** An empty folder is made in it and removed afterwards. */
  tmpDir: string;
  name: string;
  namespace: string;
  chart: Uint8Array;
  parameters: Record<string, unknown>;
  isUpgrade: boolean;
  /** `v1.36.3` */
  kubeVersion: string;
  /** `apps/v1`, `apps/v1/Deployment` */
  apiVersions: readonly string[];
  signal: AbortSignal;
  room: RenderRoom;
  limits?: Partial<HelmLimits>;
  /** All that Helm said when it refused, with every text of parameters and objects in it: never to be told. */
  onRefusal?: (said: string) => void;
}

export interface HelmLimits {
  timeoutMs: number;
  outputBytes: number;
  /** Memory of its own, without what it maps from files. */
  memoryBytes: number;
}

/** Folders of renders begin with this. */
const RENDER_FOLDER = 'steward-render-';
const DEFAULT_LIMITS: HelmLimits = {
  timeoutMs: LIMITS.renderTimeoutMs,
  outputBytes: LIMITS.maxRenderBytes,
  memoryBytes: 96 * 1024 * 1024,
};
/** Enough for most charts. What needs more begins again when no other render needs much. */
const SMALL_MEMORY_BYTES = 40 * 1024 * 1024;
const ERROR_BYTES = 64 * 1024;
const MEMORY_CHECK_MS = 10;
const MAX_ATTEMPTS = 3;
const ENDED_BY_KERNEL =
  'the operating system ended the rendering of the chart: it needs more memory than the agent may use';
const PAGE_BYTES = 4096;
const MAX_LIST_LENGTH = 64 * 1024;

/** What `helm template` prints for a chart, from a child that lives no longer than that and gets nothing of the agent's environment. */
export async function helmTemplate(request: HelmRequest): Promise<Outcome<Uint8Array>> {
  let folder: string | undefined;
  try {
    folder = await mkdtemp(join(request.tmpDir, RENDER_FOLDER));
    await Promise.all([
      writeFile(join(folder, 'chart.tgz'), request.chart),
      writeFile(join(folder, 'values.json'), JSON.stringify(request.parameters)),
    ]);
  } catch (error) {
    await removeFolder(folder);
    const why = error instanceof Error ? error.message : String(error);
    return failed('scratch-unwritable', `the agent cannot write into its scratch folder ${request.tmpDir}: ${why}`);
  }
  try {
    return await runPatiently(request, folder);
  } finally {
    await removeFolder(folder);
  }
}

/** What cannot be removed is tried again when the agent starts. */
async function removeFolder(folder: string | undefined): Promise<void> {
  if (folder !== undefined) await rm(folder, { recursive: true, force: true }).catch(() => undefined);
}

/** What a run that was killed in the middle of a render left. @returns why not, when it cannot be removed; nothing else needs the folder */
export async function removeOldRenders(tmpDir: string): Promise<unknown> {
  try {
    const entries = await readdir(tmpDir);
    const old = entries.filter((entry) => entry.startsWith(RENDER_FOLDER));
    await Promise.all(old.map((entry) => rm(join(tmpDir, entry), { recursive: true, force: true })));
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Small at first. The kernel may end it for what others in the pod take: then it is tried again. */
async function runPatiently(request: HelmRequest, folder: string): Promise<Outcome<Uint8Array>> {
  const limits = { ...DEFAULT_LIMITS, ...request.limits };
  const small = { ...limits, memoryBytes: Math.min(limits.memoryBytes, SMALL_MEMORY_BYTES) };
  const first = await runHelm(request, folder, small);
  if (first.endedBy === undefined) return first.outcome;
  const giveBack = await request.room.large.take(request.signal);
  try {
    for (let attempt = 1; ; attempt += 1) {
      const { outcome, endedBy } = await runHelm(request, folder, limits);
      if (endedBy !== 'kernel' || attempt === MAX_ATTEMPTS) return outcome;
      await delay(attempt * 1_000 * (0.5 + Math.random()), undefined, { signal: request.signal });
    }
  } finally {
    giveBack();
  }
}

function argumentsOf({ name, namespace, isUpgrade, kubeVersion, apiVersions }: HelmRequest): string[] {
  return [
    'template',
    name,
    'chart.tgz',
    `--namespace=${namespace}`,
    '--values=values.json',
    `--kube-version=${kubeVersion}`,
    ...listsOf(apiVersions).map((list) => `--api-versions=${list}`),
    ...(isUpgrade ? ['--is-upgrade'] : []),
    // The signed schema was checked before; the chart's own may name remote references.
    '--skip-schema-validation',
  ];
}

/** Joined by commas, in as many texts as it takes: Linux starts no program with an argument of 128 KiB. */
function listsOf(apiVersions: readonly string[]): string[] {
  const lists: string[] = [];
  for (const apiVersion of apiVersions) {
    const last = lists.at(-1);
    if (last === undefined || last.length + apiVersion.length >= MAX_LIST_LENGTH) lists.push(apiVersion);
    else lists[lists.length - 1] = `${last},${apiVersion}`;
  }
  return lists;
}

interface HelmEnd {
  outcome: Outcome<Uint8Array>;
  /** Who ended it for the memory it took: the agent for its limit, or the kernel for the pod's. */
  endedBy?: 'limit' | 'kernel';
}

function runHelm(request: HelmRequest, folder: string, limits: HelmLimits): Promise<HelmEnd> {
  const { promise, resolve, reject } = Promise.withResolvers<HelmEnd>();
  const child = spawn(request.helmPath, argumentsOf(request), {
    cwd: folder,
    env: {
      HOME: folder,
      HELM_CACHE_HOME: folder,
      HELM_CONFIG_HOME: folder,
      HELM_DATA_HOME: folder,
      KUBECONFIG: join(folder, 'none'),
      GOMEMLIMIT: String(Math.floor(limits.memoryBytes * 0.75)),
    },
    // A process group of its own: whatever it starts ends with it.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  makeFirstToGo(child.pid);
  const stop = { end: undefined as HelmEnd | undefined };
  const end = (outcome: Outcome<Uint8Array>, endedBy?: 'limit'): void => {
    stop.end ??= { outcome, ...(endedBy && { endedBy }) };
    killGroup(child.pid);
  };
  const output = collect(child.stdout, limits.outputBytes, () =>
    end(failed('too-large', `the chart renders to more than ${mib(limits.outputBytes)}`)),
  );
  const errors = collect(child.stderr, ERROR_BYTES, () => undefined);
  const timer = setTimeout(
    () => end(failed('render-timeout', `the chart did not render within ${limits.timeoutMs / 1000} s and was ended`)),
    limits.timeoutMs,
  );
  const watchdog = setInterval(() => {
    if (ownMemory(child.pid) > limits.memoryBytes)
      end(failed('too-large', `the chart needs more than ${mib(limits.memoryBytes)} of memory to render`), 'limit');
  }, MEMORY_CHECK_MS);
  const onAbort = (): void => killGroup(child.pid);
  request.signal.addEventListener('abort', onAbort, { once: true });
  child.on('error', (cause) => reject(new Error(`helm at ${request.helmPath} cannot be started`, { cause })));
  child.on('close', (code, signal) => {
    if (request.signal.aborted) reject(abortReason(request.signal));
    else if (stop.end) resolve(stop.end);
    else if (code === 0) resolve({ outcome: done(Buffer.concat(output)) });
    else if (signal === 'SIGKILL') resolve({ outcome: failed('too-large', ENDED_BY_KERNEL), endedBy: 'kernel' });
    else {
      const said = Buffer.concat(errors).toString('utf8');
      request.onRefusal?.(said);
      resolve({ outcome: failed('render-failed', refusal(said, request.parameters)) });
    }
  });
  return promise.finally(() => {
    killGroup(child.pid);
    clearTimeout(timer);
    clearInterval(watchdog);
    request.signal.removeEventListener('abort', onAbort);
  });
}

function collect(stream: NodeJS.ReadableStream, maxBytes: number, onFull: () => void): Buffer[] {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
    else onFull();
  });
  return chunks;
}

/** Resident memory that is not shared with files; 0 when there is no such process any more, or no /proc. */
function ownMemory(pid: number | undefined): number {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    return (resident - shared) * PAGE_BYTES;
  } catch {
    return 0;
  }
}

/** When the pod's memory is used up the kernel ends this child, not the agent. */
function makeFirstToGo(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // It ended by itself, or there is no /proc.
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

function refusal(said: string, parameters: Record<string, unknown>): string {
  const text = said
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('Use --debug flag'))
    .join('\n')
    .replace(/^Error: /, '');
  return `the chart does not render: ${masked(text || 'helm gave no reason', parameters).slice(0, 2_000)}`;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

function abortReason(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new Error('aborted');
}
