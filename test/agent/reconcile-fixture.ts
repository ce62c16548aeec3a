import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import {
  agentManifest,
  agentNamespace,
  fieldManagerOf,
  generateReleaseKey,
  grantManifest,
  Release,
  releaseDigest,
  sha256,
  signRelease,
  type ReleaseKey,
} from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../agent/src/kube/client.ts';
import { kubeconfigEndpoint } from '../../agent/src/kube/transport/credentials.ts';
import { createKubeClient } from '../../agent/src/kube/kube-api.ts';
import { createLog } from '../../agent/src/log.ts';
import { startReconcile, type ReconcileOptions } from '../../agent/src/reconcile/reconciler.ts';
import { RenderRoom } from '../../agent/src/reconcile/render/render-room.ts';
import { helmTemplate } from '../../agent/src/reconcile/render/helm.ts';
import { parseManifests } from '../../agent/src/reconcile/render/worker/parse-manifests.ts';
import { NO_CHANGES, loadChart } from '../../hub/cli/src/chart/chart.ts';
import { inspectChart } from '../../hub/cli/src/checks/inspect-chart.ts';
import { permissionsOf } from '../../hub/cli/src/checks/permissions.ts';
import { Findings } from '../../hub/cli/src/findings/finding.ts';
import { declaredContent } from '../../hub/cli/src/publish/build-release.ts';
import { chartRenderer } from '../../hub/cli/src/render/helm.ts';
import { chartFolder, packChart } from '../charts/pack.ts';
import { attach } from '../cluster/cluster.ts';
import { probeImage } from '../cluster/images.ts';
import { buildProgram } from '../cluster/programs/programs.ts';
import { waitUntil } from '../support/wait-until.ts';
import { killableClient, type Death, type KillableClient } from './killable-client.ts';
import { desiredState, ScriptedHub, type Want, type WantedRelease } from './scripted-hub.ts';

const NAMESPACE: ResourceRef = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };

export interface PublishOptions {
  chart: string;
  /** As it lies elsewhere, when it is not to be packed here. */
  packed?: Buffer;
  version?: string;
  /** The service; the chart's name unless told. */
  service?: string;
  counter?: number;
  change?: (release: Release) => void;
  /** The key it is signed with, when it is not the trusted one. */
  privateKeyPem?: string;
}

/** Which installation, and where. */
export type Where = Pick<Want, 'installationId' | 'name' | 'namespace'>;

export interface Published extends WantedRelease {
  release: Release;
}

export interface RunningAgent {
  client: KillableClient;
  stop(): Promise<void>;
  /** As SIGKILL: nothing is tidied up. */
  kill(): void;
}

/** One vendor's agent in the test cluster, with the shipped roles, and its hub in memory. */
export class ReconcileFixture {
  readonly organization = `t${randomBytes(4).toString('hex')}`;
  readonly namespace = agentNamespace(this.organization);
  readonly hub = new ScriptedHub();
  readonly admin: KubeClient;
  readonly logged: string[] = [];
  readonly probeDigest: string;
  readonly #kubeconfig: string;
  readonly #helmPath: string;
  readonly #kubePath: string;
  readonly #tmpDir: string;
  readonly #key: { privateKeyPem: string; key: ReleaseKey };
  readonly #namespaces = new Set<string>();
  readonly #agents: RunningAgent[] = [];
  #token = '';
  #counter = 0;

  private constructor(parts: {
    kubeconfig: string;
    helmPath: string;
    kubePath: string;
    tmpDir: string;
    probe: string;
  }) {
    this.#kubeconfig = parts.kubeconfig;
    this.#helmPath = parts.helmPath;
    this.#kubePath = parts.kubePath;
    this.#tmpDir = parts.tmpDir;
    this.probeDigest = parts.probe;
    this.#key = generateReleaseKey();
    this.admin = createKubeClient(kubeconfigEndpoint(parts.kubeconfig));
  }

  static async create(kubeconfig: string): Promise<ReconcileFixture> {
    const cluster = await attach(basename(dirname(kubeconfig)));
    const probe = await probeImage('1', console.error);
    await cluster?.importImage(probe.archivePath);
    const fixture = new ReconcileFixture({
      kubeconfig,
      helmPath: await buildProgram('helm', console.error),
      kubePath: await buildProgram('kube', console.error),
      tmpDir: await mkdtemp(join(tmpdir(), 'steward-agent-')),
      probe: probe.digest,
    });
    await fixture.#install();
    return fixture;
  }

  async #install(): Promise<void> {
    const manifest = agentManifest({
      organization: this.organization,
      hubUrl: 'https://hub.example',
      releaseKeys: [this.#key.key],
      image: 'none',
    });
    // The agent runs in this process; all else is as a customer gets it.
    await this.apply(manifest.filter(({ kind }) => kind !== 'Deployment'));
    this.#namespaces.add(this.namespace);
    this.#token = (
      await this.kubectl('create', 'token', 'steward-agent', '-n', this.namespace, '--duration=6h')
    ).trim();
  }

  async apply(objects: readonly object[]): Promise<void> {
    for (const object of objects)
      await waitUntil(() => this.admin.apply(object as KubeObject, { fieldManager: 'customer', force: true }), {
        what: `apply ${JSON.stringify(object).slice(0, 200)}`,
        timeoutMs: 5_000,
      });
  }

  async kubectl(...args: string[]): Promise<string> {
    const env = {
      KUBECONFIG: this.#kubeconfig,
      KUBECACHEDIR: join(this.#tmpDir, 'kubectl'),
      PATH: process.env['PATH'],
    };
    const { stdout } = await promisify(execFile)(this.#kubePath, ['kubectl', ...args], { env, maxBuffer: 1 << 24 });
    return stdout;
  }

  /** Runs a command of a message as a person would paste it into a shell. */
  async paste(command: string): Promise<void> {
    const shell = `kubectl() { "${this.#kubePath}" kubectl "$@"; }\n${command}\n`;
    const env = {
      KUBECONFIG: this.#kubeconfig,
      KUBECACHEDIR: join(this.#tmpDir, 'kubectl'),
      PATH: process.env['PATH'],
    };
    await promisify(execFile)('/bin/sh', ['-ec', shell], { env });
  }

  /** Signs a release of one of the charts in test/charts, with the permissions that `steward publish` would find. */
  async publish(options: PublishOptions): Promise<Published> {
    const { chart, version = '1.0.0', service = chart } = options;
    const { packed = await packChart(chart) } = options;
    this.#counter = options.counter ?? this.#counter + 1;
    const release: Release = {
      kind: 'steward.dev/release/v1',
      service,
      version,
      counter: this.#counter,
      createdAt: new Date().toISOString(),
      chart: { name: chart, version, digest: sha256(packed), bytes: packed.length },
      images: [{ reference: 'steward.test/probe:1', digest: this.probeDigest }],
      parameters: { type: 'object' },
      basicParameters: [],
      permissions: await this.#permissions(packed),
      exceptions: {},
      ...(await this.#declared(chart)),
      knobs: [],
      upgrade: { deadlineSeconds: 60, settleSeconds: 0 },
      display: { name: chart },
      minimumAgentVersion: '0.1.0',
      kubernetes: '>=1.31',
    };
    options.change?.(release);
    const envelope = signRelease(
      Buffer.from(JSON.stringify(release)),
      options.privateKeyPem ?? this.#key.privateKeyPem,
    );
    const digest = releaseDigest(envelope);
    if (release.chart.oci === undefined) this.hub.charts.set(release.chart.digest, packed);
    this.hub.releases.set(digest, envelope);
    return { digest, version, service, release };
  }

  /** What `steward publish` would sign of a chart with a steward.yaml. */
  async #declared(name: string): Promise<Partial<Release>> {
    const chart = await loadChart(chartFolder(name), NO_CHANGES, '/');
    if (!chart.files.has('steward.yaml')) return {};
    const renderer = await chartRenderer(this.#helmPath, chart.packed, AbortSignal.timeout(60_000));
    const findings = new Findings();
    try {
      const inspection = await inspectChart(chart, renderer, { findings, progress: () => undefined });
      if (findings.hasErrors) throw new Error(JSON.stringify(findings.items));
      return declaredContent(inspection);
    } finally {
      await renderer.close();
    }
  }

  async #permissions(chart: Buffer): Promise<Release['permissions']> {
    const printed = await helmTemplate({
      helmPath: this.#helmPath,
      tmpDir: this.#tmpDir,
      name: 'releasename',
      namespace: 'n',
      chart,
      parameters: {},
      isUpgrade: false,
      kubeVersion: 'v1.36.3',
      apiVersions: [],
      signal: AbortSignal.timeout(30_000),
      room: new RenderRoom(),
    });
    const objects = printed.ok ? parseManifests(Buffer.from(printed.value).toString()) : printed;
    if (!objects.ok) return [];
    const all = [...objects.value.objects, ...objects.value.hooks.map(({ object }) => object)];
    return permissionsOf([{ objects: all, releaseName: 'releasename' }]);
  }

  /** What the customer applies for one installation. */
  async grant(name: string, published: Published, namespace = name, releaseName = name): Promise<void> {
    const { permissions, definitions, service } = published.release;
    this.#namespaces.add(namespace);
    const { organization } = this;
    const input = { organization, installation: name, releaseName, service, namespace, permissions, definitions };
    await this.apply(grantManifest(input));
  }

  /** A fresh installation: unique in the cluster, not granted yet. */
  installation(): Where {
    const name = `i${randomBytes(3).toString('hex')}`;
    return { installationId: randomUUID(), name, namespace: name };
  }

  /** A fresh one that runs generation 1. */
  async installed(release: Published, parameters: Record<string, unknown> = {}): Promise<Where> {
    const where = this.installation();
    await this.grant(where.name, release);
    const { state, message } = await this.hub.end(
      this.offer({ ...where, generation: 1, release, kind: 'install', parameters }),
    );
    if (state !== 'succeeded') throw new Error(`the install of ${where.name} ended as ${state}: ${message}`);
    return where;
  }

  async start(
    death?: Death,
    driftTimings: ReconcileOptions['driftTimings'] = {},
    looks?: ReconcileOptions['looks'],
  ): Promise<RunningAgent> {
    const endpoint = kubeconfigEndpoint(this.#kubeconfig);
    const { cert: _cert, key: _key, ...tls } = endpoint.tls;
    const raw = createKubeClient({ ...endpoint, tls, authorization: async () => `Bearer ${this.#token}` });
    const client = killableClient(raw, death);
    const end = new AbortController();
    const link = this.hub.connect();
    const starting = startReconcile({
      kube: client.kube,
      link,
      config: {
        namespace: this.namespace,
        organization: this.organization,
        releaseKeys: [this.#key.key],
        fieldManager: fieldManagerOf(this.organization),
        helmPath: this.#helmPath,
        tmpDir: this.#tmpDir,
        proxyEnv: {},
      },
      log: createLog({ level: 'debug', write: (line) => this.logged.push(line) }),
      signal: end.signal,
      driftTimings: { startSpreadMs: 100, settleMs: 300, ...driftTimings },
      ...(looks && { looks }),
    });
    let peer: { stop(): Promise<void> } | undefined;
    const agent: RunningAgent = {
      client,
      stop: async () => {
        // One that is dead may be in the middle of a call that never comes back.
        await Promise.race([peer?.stop(), client.died]);
        raw.close();
      },
      kill: () => {
        client.kill();
        this.hub.cut(link);
        raw.close();
      },
    };
    this.#agents.push(agent);
    void client.died.then(() => this.hub.cut(link));
    peer = await Promise.race([starting, client.died.then(() => undefined)]);
    return agent;
  }

  /** Asks the hub to make it so, and answers the operation's id. */
  offer(want: Want): string {
    return this.hub.offer(desiredState(want));
  }

  async policy(spec: object, name = 'rules'): Promise<void> {
    const metadata = { name, namespace: this.namespace };
    await this.apply([{ apiVersion: 'steward.dev/v1alpha1', kind: 'SupportPolicy', metadata, spec }]);
  }

  async get(kind: string, name: string, namespace = this.namespace): Promise<KubeObject | undefined> {
    const apiVersion = { Deployment: 'apps/v1', StatefulSet: 'apps/v1', Job: 'batch/v1' }[kind] ?? 'v1';
    const own = ['Installation', 'Operation'].includes(kind) ? 'steward.dev/v1alpha1' : apiVersion;
    const ref = await this.admin.resourceOf(own, kind);
    return ref && this.admin.get(ref, namespace, name);
  }

  async close(): Promise<void> {
    for (const agent of this.#agents) agent.kill();
    for (const name of this.#namespaces) await this.admin.remove(NAMESPACE, undefined, name);
    this.admin.close();
    await rm(this.#tmpDir, { recursive: true, force: true });
  }
}
