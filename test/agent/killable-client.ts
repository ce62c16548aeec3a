import type { KubeClient, Watch } from '../../agent/src/kube/client.ts';

/** Everything else changes something, whatever is added to the client. */
const READS: ReadonlySet<string> = new Set([
  'resourceOf',
  'servedAs',
  'get',
  'list',
  'missingAccess',
  'version',
  'apiVersions',
]);

/** When the process that holds a client dies: at its n-th change of the cluster, before or after it took effect. */
export interface Death {
  write: number;
  /** Only changes whose words contain this count. */
  of?: string;
  when: 'before' | 'after';
}

export interface KillableClient {
  kube: KubeClient;
  /** Changes of the cluster so far, in words. */
  writes: string[];
  /** Resolves when it has died of its {@link Death}. */
  died: Promise<void>;
  kill(): void;
}

/**
 * A client whose process can die: from then on no call comes back, no watch says anything, and nothing reaches the
 * cluster, as after SIGKILL. A call that is under way takes effect and is not answered.
 */
export function killableClient(kube: KubeClient, death?: Death): KillableClient {
  let isDead = false;
  const watches = new AbortController();
  const writes: string[] = [];
  const { promise: died, resolve } = Promise.withResolvers<void>();
  const kill = (): void => {
    isDead = true;
    watches.abort();
    resolve();
  };
  const never = new Promise<never>(() => {});
  const calling =
    (name: string, method: (...args: unknown[]) => Promise<unknown>) =>
    async (...args: unknown[]) => {
      if (isDead) return never;
      const isWrite = !READS.has(name) && !JSON.stringify(args.at(-1) ?? {}).includes('"dryRun":true');
      if (isWrite) writes.push(`${name} ${describe(args)}`);
      const counted = death && writes.filter((words) => words.includes(death.of ?? '')).length;
      const isLast =
        isWrite && death !== undefined && counted === death.write && writes.at(-1)?.includes(death.of ?? '');
      if (isLast && death.when === 'before') {
        kill();
        return never;
      }
      try {
        const answer = await method(...args);
        if (isLast) kill();
        return isDead ? never : answer;
      } catch (error) {
        if (isLast) kill();
        if (isDead) return never;
        throw error;
      }
    };
  const proxy = new Proxy(kube, {
    get(target, name: string) {
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== 'function') return member;
      const method = (member as (...args: unknown[]) => unknown).bind(target);
      if (name === 'serverTime' || name === 'close') return method;
      if (name === 'watch') {
        return (options: Parameters<KubeClient['watch']>[0]): Watch<unknown> =>
          target.watch({ ...options, signal: AbortSignal.any([options.signal, watches.signal]) });
      }
      return calling(name, method as (...args: unknown[]) => Promise<unknown>);
    },
  });
  return { kube: proxy, writes, died, kill };
}

/** `Installation/shop rolled-back`: the state when it is one that is written. */
function describe(args: unknown[]): string {
  const [first, , name, patch] = args;
  const object = first as { kind?: string; metadata?: { name: string } };
  const written = (patch ?? {}) as { state?: string; status?: { state?: string } };
  const { state } = written.status ?? written;
  const words = `${object.kind ?? ''}/${object.metadata?.name ?? String(name)}`;
  return state === undefined ? words : `${words} ${state}`;
}
