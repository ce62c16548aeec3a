import {
  answeringChart,
  askedLookup,
  ChartTooLargeError,
  LIMITS,
  type AnsweringChart,
  type Lookup,
} from '@steward/shared';
import { spawn } from 'node:child_process';
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { stringify } from 'yaml';
import { CliError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { printable, type Terminal } from '../terminal/terminal.ts';
import type { Values } from '../values-path.ts';

export interface RenderRequest {
  releaseName: string;
  namespace: string;
  values: Values;
  /** `.Release.IsUpgrade`, as in every render but the first. */
  isUpgrade: boolean;
  /** What a lookup of a template finds; nothing unless told. */
  find?: (lookup: Lookup) => object | undefined;
}

/** What `helm template` printed, or what it says is wrong with the chart. */
export type Rendered = { ok: true; yaml: string; lookups?: Lookup[] } | { ok: false; error: string };

/** Renders one chart as often as needed. Close it: it holds a folder with the chart's copy. */
export interface Renderer {
  render(request: RenderRequest): Promise<Rendered>;
  close(): Promise<void>;
}

/** @returns the path of helm: STEWARD_HELM, else the first one on PATH. @throws CliError when there is none */
export async function findHelm(terminal: Terminal): Promise<string> {
  const { env } = terminal;
  const given = env['STEWARD_HELM'];
  const candidates = given ? [given] : (env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'helm'));
  for (const path of candidates) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new CliError(EXIT.usage, given ? `STEWARD_HELM names ${given}, which cannot be run` : 'helm is not on PATH', {
    action: 'Install Helm 3.14 or newer (https://helm.sh), or name the program by STEWARD_HELM.',
  });
}

function runHelm(helm: string, args: string[], folder: string, signal: AbortSignal): Promise<Rendered> {
  const { promise, resolve, reject } = Promise.withResolvers<Rendered>();
  // Only what helm needs: no plugins, repositories or kubeconfig of the person, so that it renders the same everywhere.
  const env = {
    PATH: '/usr/bin:/bin',
    HOME: folder,
    HELM_CACHE_HOME: folder,
    HELM_CONFIG_HOME: folder,
    HELM_DATA_HOME: folder,
  };
  const child = spawn(helm, args, { env, cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], signal });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let bytes = 0;
  let why = '';
  const stop = (reason: string): void => {
    why ||= reason;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(
    () => stop(`helm did not finish in ${LIMITS.renderTimeoutMs / 1000} s`),
    LIMITS.renderTimeoutMs,
  );
  const keep = (into: Buffer[]) => (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LIMITS.maxRenderBytes)
      stop(`the chart renders to more than ${LIMITS.maxRenderBytes / 1024 / 1024} MiB`);
    else into.push(chunk);
  };
  child.stdout.on('data', keep(out));
  child.stderr.on('data', keep(err));
  child.on('error', reject);
  child.on('close', (code) => {
    clearTimeout(timer);
    const said = printable(Buffer.concat(err).toString('utf8'))
      .replace(/^Error: |\s*Use --debug flag to render out invalid YAML\s*$/g, '')
      .trim()
      .slice(0, 4000);
    if (code === 0 && why === '') resolve({ ok: true, yaml: Buffer.concat(out).toString('utf8') });
    else resolve({ ok: false, error: why || said || `helm ended with ${String(code)}` });
  });
  return promise.finally(() => clearTimeout(timer));
}

const MAX_LOOKUPS = 50;

/** @param packed the very bytes that are published, so that what is checked is what is signed */
export async function chartRenderer(helm: string, packed: Buffer, signal: AbortSignal): Promise<Renderer> {
  const answering = lookingUp(packed);
  const folder = await mkdtemp(join(tmpdir(), 'steward-render-'));
  await writeFile(join(folder, 'chart.tgz'), packed);
  let count = 0;
  const nameOf = (what: string, end: string): string => join(folder, `${what}-${(count += 1)}.${end}`);
  /** What was asked for under a release's name: the next render begins with all of it. */
  const asked = new Map<string, Map<string, Lookup>>();
  const run = async (
    { releaseName, namespace, values, isUpgrade }: RenderRequest,
    chart: string,
  ): Promise<Rendered> => {
    const valuesFile = nameOf('values', 'yaml');
    await writeFile(valuesFile, stringify(values));
    const args = ['template', releaseName, chart, '--namespace', namespace, '--values', valuesFile];
    return runHelm(helm, [...args, ...(isUpgrade ? ['--is-upgrade'] : [])], folder, signal);
  };
  const runAnswered = async (request: RenderRequest, chart: AnsweringChart): Promise<Rendered> => {
    const { releaseName, find } = request;
    const known = asked.get(releaseName) ?? new Map<string, Lookup>();
    asked.set(releaseName, known);
    const answer = (lookup: Lookup): string => JSON.stringify(find?.(lookup) ?? {});
    for (;;) {
      const answers = new Map([...known].map(([key, lookup]) => [key, answer(lookup)]));
      const path = nameOf('chart', 'tgz');
      await writeFile(path, chart.with(answers));
      const rendered = await run(request, path);
      await rm(path);
      if (rendered.ok) return { ...rendered, lookups: [...known.values()] };
      const next = askedLookup(rendered.error);
      if (!next || answers.has(next.key)) return rendered;
      if (!next.lookup) return { ok: false, error: 'a lookup needs four texts: version, kind, namespace and name' };
      if (known.size >= MAX_LOOKUPS) return { ok: false, error: `it looks up more than ${MAX_LOOKUPS} things` };
      known.set(next.key, next.lookup);
    }
  };
  return {
    render: (request) => (answering ? runAnswered(request, answering) : run(request, join(folder, 'chart.tgz'))),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** @throws CliError */
function lookingUp(packed: Buffer): AnsweringChart | undefined {
  try {
    return answeringChart(packed);
  } catch (error) {
    if (error instanceof ChartTooLargeError) throw new CliError(EXIT.failed, error.message, { cause: error });
    throw error;
  }
}
