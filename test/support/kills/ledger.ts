import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { json } from 'node:stream/consumers';
import { findProcess } from '../../cluster/node/leftovers.ts';

/** The part of an Operation's journal that this test reads. */
export interface JournalEntry {
  revision: number;
  state: string;
  phase: string;
}

type JournalListener = (step: JournalEntry & { id: string; namespace: string }) => void;

interface EtcdEvent {
  type?: 'DELETE' | 'PUT';
  kv: { key: string; create_revision: string; mod_revision: string; value?: string };
}

const JOURNAL = 'steward.dev/operations';
const COUNTED = ['jobs', 'deployments', 'configmaps', 'secrets', JOURNAL];
const encode = (text: string): string => Buffer.from(text, 'latin1').toString('base64');
/** All keys that begin so. */
const range = (prefix: string): object => ({
  key: encode(prefix),
  range_end: encode(prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)),
});

/**
 * What really happened in a cluster, from etcd itself: no change is missed while an API server is dead, and nothing of
 * what an agent believes goes into it.
 */
export class Ledger {
  readonly #folder: string;
  readonly #tunnel: ChildProcess;
  readonly #listeners = new Set<JournalListener>();
  readonly #creations = new Map<string, number>();
  readonly #passwords = new Map<string, Set<string>>();
  readonly #journal = new Map<string, JournalEntry[]>();
  #watching: IncomingMessage | undefined;

  private constructor(folder: string, tunnel: ChildProcess) {
    this.#folder = folder;
    this.#tunnel = tunnel;
  }

  static async open(cluster: string): Promise<Ledger> {
    const pid = await findProcess(cluster);
    if (pid === undefined) throw new Error(`there is no cluster ${cluster}`);
    const folder = await mkdtemp(join(tmpdir(), 'steward-ledger-'));
    const program = join(import.meta.dirname, 'etcd-tunnel.ts');
    const command = ['-t', String(pid), '-n', '--', process.execPath, program, join(folder, 'etcd.sock')];
    const tunnel = spawn('nsenter', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    await Promise.race([
      once(tunnel.stdout, 'data'),
      once(tunnel, 'exit').then(() => Promise.reject(new Error('the way to etcd ended'))),
    ]);
    const ledger = new Ledger(folder, tunnel);
    await ledger.#watch();
    return ledger;
  }

  /** Calls for each step of an operation's journal, as soon as it is written. @returns what ends that */
  onJournal(listener: JournalListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `jobs` of a namespace that were ever made, as often as they were. */
  creations(resource: string, namespace: string): string[] {
    const prefix = `${resource}/${namespace}/`;
    return [...this.#creations]
      .filter(([key]) => key.startsWith(prefix))
      .flatMap(([key, times]) => Array.from({ length: times }, () => key.slice(prefix.length)));
  }

  /** Every password that this Secret ever had. */
  passwords(namespace: string, name: string): string[] {
    return [...(this.#passwords.get(`secrets/${namespace}/${name}`) ?? [])];
  }

  /** Every step of an operation that was ever written, in order. */
  journal(operationId: string): JournalEntry[] {
    return this.#journal.get(operationId) ?? [];
  }

  /** What is there now of any kind: `jobs/space/name`. */
  async keys(): Promise<string[]> {
    const answer = await this.#post('/v3/kv/range', { ...range('/registry/'), keys_only: true });
    const { kvs } = (await json(answer)) as { kvs: { key: string }[] };
    return kvs.map(({ key }) => keyOf(key));
  }

  async close(): Promise<void> {
    this.#watching?.destroy();
    // One that has ended already ends no more.
    if (this.#tunnel.exitCode === null && this.#tunnel.signalCode === null) {
      const ended = once(this.#tunnel, 'exit');
      this.#tunnel.stdin?.end();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  #post(path: string, ...bodies: object[]): Promise<IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request(
      { socketPath: join(this.#folder, 'etcd.sock'), method: 'POST', path, agent: false },
      resolve,
    );
    outgoing.on('error', reject);
    outgoing.end(bodies.map((body) => JSON.stringify(body)).join('\n'));
    return promise;
  }

  async #watch(): Promise<void> {
    const questions = COUNTED.map((resource) => ({ create_request: range(`/registry/${resource}/`) }));
    this.#watching = await this.#post('/v3/watch', ...questions);
    this.#watching.on('error', () => undefined);
    const ready = Promise.withResolvers<void>();
    let created = 0;
    createInterface({ input: this.#watching }).on('line', (line) => {
      const { result } = JSON.parse(line) as { result: { created?: boolean; events?: EtcdEvent[] } };
      if (result.created && (created += 1) === COUNTED.length) ready.resolve();
      for (const event of result.events ?? []) this.#note(event);
    });
    await ready.promise;
  }

  #note({ type, kv }: EtcdEvent): void {
    if (type === 'DELETE') return;
    const key = keyOf(kv.key);
    if (kv.create_revision === kv.mod_revision) this.#creations.set(key, (this.#creations.get(key) ?? 0) + 1);
    const value = Buffer.from(kv.value ?? '', 'base64');
    if (key.startsWith('secrets/')) this.#notePassword(key, value.toString('latin1'));
    if (key.startsWith(`${JOURNAL}/`)) this.#noteStep(key.split('/')[2] ?? '', value.toString('utf8'));
  }

  /** A Secret is stored as protocol buffers: the key `password`, then a field of 32 bytes. */
  #notePassword(key: string, value: string): void {
    // oxlint-disable-next-line no-control-regex
    const found = /password\x12\x20([A-Za-z0-9]{32})/.exec(value)?.[1];
    if (found !== undefined) this.#passwords.set(key, (this.#passwords.get(key) ?? new Set()).add(found));
  }

  #noteStep(namespace: string, value: string): void {
    const { spec, status } = JSON.parse(value) as { spec: { id: string }; status?: JournalEntry };
    if (!status) return;
    const { revision, state, phase } = status;
    const steps = this.#journal.get(spec.id) ?? [];
    const last = steps.at(-1);
    if (last?.revision === revision && last.phase === phase && last.state === state) return;
    const step = { revision, state, phase };
    this.#journal.set(spec.id, [...steps, step]);
    for (const listener of this.#listeners) listener({ ...step, id: spec.id, namespace });
  }
}

function keyOf(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8').replace('/registry/', '');
}
