import type { ChartHook, IfUnderWay, OperationKind, OperationPhase } from '@steward/shared';
import type { ResultRecord } from '../link/link.ts';
import { createLog } from '../log.ts';
import { Installations } from '../operations/installation/installations.ts';
import { Journal } from '../operations/journal/journal.ts';
import type { HookRecord, OperationRecord } from '../operations/journal/operation-object.ts';
import type { ReconcileContext } from '../reconcile/context.ts';
import { Drifts } from '../reconcile/drift/drifts.ts';
import { abandonHooks } from '../reconcile/hooks/abandon-hooks.ts';
import { InstallationQueue } from '../reconcile/installation-queue.ts';
import { Halt } from '../reconcile/operation/run/interruption.ts';
import { Run } from '../reconcile/operation/run/run.ts';
import type { SetMeta } from '../reconcile/render/release-set.ts';
import { RenderStore } from '../reconcile/render/render-store.ts';
import { Schedules } from '../reconcile/schedule/schedules.ts';
import { FIRST_PUSH } from './desired-state.ts';
import { FakeApiServer } from './fake-api-server.ts';

const CUSTOM_RESOURCES = '/apis/steward.dev/v1alpha1/namespaces/ns';
/** Of what is under way in it. */
export const RENDER_REF = `render-shop-g1 1 sha256:${'b'.repeat(64)}`;
const AT = '2026-01-01T00:00:00Z';

/** The queue of the installation `shop` in a cluster whose customer denies installs; it keeps what is sent, said and watched. */
export class TestQueue {
  readonly server: FakeApiServer;
  readonly sent: ResultRecord[] = [];
  readonly errors: string[] = [];
  readonly said: string[] = [];
  readonly watched: string[] = [];
  readonly context: ReconcileContext;
  readonly drifts: Drifts;
  readonly queue: InstallationQueue;
  readonly #end = new AbortController();

  static async start(): Promise<TestQueue> {
    const server = new FakeApiServer();
    await server.start();
    return new TestQueue(server);
  }

  private constructor(server: FakeApiServer) {
    this.server = server;
    this.#putPolicy('no', { install: 'deny' });
    const { signal } = this;
    const link = { sendResult: (result: ResultRecord) => void this.sent.push(result) };
    const write = (line: string): unknown => (line.includes('"level":"error"') ? this.errors : this.said).push(line);
    const log = createLog({ level: 'info', write: (line) => void write(line) });
    const common = { kube: server.client(), namespace: 'ns', now: () => new Date(), log, signal };
    this.context = {
      ...common,
      link,
      config: { namespace: 'ns' },
      journal: new Journal({ ...common, link }),
      installations: new Installations({ ...common, onChange: () => {} }),
      renders: new RenderStore(common),
      monitors: { watch: ({ name }: { name: string }) => void this.watched.push(name), end: () => {} },
    } as unknown as ReconcileContext;
    const rest = { context: this.context, onDue: () => {}, signal };
    this.drifts = new Drifts(rest);
    this.queue = new InstallationQueue({ ...rest, drifts: this.drifts, schedules: new Schedules(rest), name: 'shop' });
  }

  /** The customer allows operations of this kind. */
  allow(kind: OperationKind): void {
    this.#putPolicy('yes', { [kind]: 'allow' });
  }

  #putPolicy(name: string, rules: Partial<Record<OperationKind, 'allow' | 'deny'>>): void {
    this.server.put(`${CUSTOM_RESOURCES}/supportpolicies/${name}`, {
      apiVersion: 'steward.dev/v1alpha1',
      kind: 'SupportPolicy',
      metadata: { name, namespace: 'ns' },
      spec: { rules },
    });
  }

  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** The status of the Installation, or undefined when there is none. */
  get installation(): unknown {
    return this.server.object(`${CUSTOM_RESOURCES}/installations/shop`)?.['status'];
  }

  /** As one that was just made, or that a backup brought. */
  putBlank(): void {
    const path = `${CUSTOM_RESOURCES}/installations/shop`;
    const spec = { id: FIRST_PUSH.installationId, service: FIRST_PUSH.service, namespace: FIRST_PUSH.namespace };
    const metadata = { name: 'shop', namespace: 'ns' };
    this.server.put(path, { apiVersion: 'steward.dev/v1alpha1', kind: 'Installation', metadata, spec });
  }

  deleteInstallation(): void {
    this.server.delete(`${CUSTOM_RESOURCES}/installations/shop`);
  }

  async stop(): Promise<void> {
    this.drifts.stop();
    this.#end.abort();
    await this.queue.stop();
    await this.server.stop();
  }

  /** Wakes it, and waits until it has nothing left to do. */
  async runAll(): Promise<void> {
    this.queue.wake();
    await this.queue.stop();
  }

  /** An operation that an earlier life of the agent was in the midst of. */
  async underWay(want = FIRST_PUSH, phase?: OperationPhase, hooks?: ChartHook[]): Promise<OperationRecord> {
    await this.context.installations.accept(want);
    const record = await this.context.journal.create(want, undefined);
    await this.begin(record, phase, hooks);
    return record;
  }

  /** As an earlier life of the agent has begun it. */
  async begin(record: OperationRecord, phase: OperationPhase = 'apply', hooks: ChartHook[] = []): Promise<void> {
    const { context } = this;
    const meta: SetMeta = {
      service: 'web',
      version: '1.0.0',
      releaseDigest: record.spec.desired.release.digest,
      parametersDigest: 'p',
      signedBy: 'k',
      counter: 1,
      deadlineSeconds: 86_400,
      settleSeconds: 0,
      permissions: [],
    };
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'shop' } };
    context.renders.load = async () => ({ meta, objects: [object], hooks });
    for (const state of ['accepted', 'running'] as const)
      await context.journal.move(record, { state, phase, message: state, also: { renderRef: RENDER_REF } });
    const { id: operation, generation } = record.spec;
    const inventory = [{ group: '', version: 'v1', kind: 'ConfigMap', name: 'shop' }];
    await context.installations.write('shop', { underWay: { operation, generation }, inventory });
  }

  /** Notes this hook as begun, and ends it as an earlier life of the agent that was told to stop, and was killed then. */
  async endHook(
    record: OperationRecord,
    begun: Pick<HookRecord, 'event' | 'hook' | 'name'>,
    ifUnderWay: IfUnderWay,
  ): Promise<void> {
    const { context, signal } = this;
    await context.journal.note(record, { hooks: [{ ...begun, state: 'made', at: AT }] });
    const installation = await context.installations.read('shop');
    await abandonHooks(new Run({ context, record, installation, signal }), new Halt(ifUnderWay, 'b'));
  }
}
