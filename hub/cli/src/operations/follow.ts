import {
  isFinal,
  OPERATION_FAILURES,
  OperationDetails,
  type Operation,
  type OperationTransition,
} from '@steward/shared';
import { CliError } from '../cli-error.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { feedItems, type FeedItem } from '../hub-api/feed.ts';
import { apiPath, type HubClient } from '../hub-api/hub-client.ts';
import { tintOf } from '../output/cells.ts';
import type { Output } from '../output/output.ts';
import { duration, localClock } from '../output/time.ts';
import { headline, oneLine, printable, type Terminal } from '../terminal/terminal.ts';
import { operationTitle } from '../output/operation-title.ts';

export interface FollowOptions {
  hub: HubClient;
  terminal: Terminal;
  output: Output;
  note: (line: string) => void;
  /** Gives up after this; the operation goes on. */
  timeoutMs?: number | undefined;
}

const maxShownChanges = 20;
const MAX_REASON = 600;

/** 0 only for what came out as asked. */
export function exitCodeOfOperation(operation: Pick<Operation, 'state'>): ExitCode {
  return operation.state === 'succeeded' ? EXIT.ok : EXIT.failed;
}

/** For good, or as far as anybody knows: of one that ended as `unknown` nothing more may ever be heard. */
export function hasEnded({ state, finishedAt }: Pick<Operation, 'state' | 'finishedAt'>): boolean {
  return isFinal(state) || state === 'unknown' || finishedAt !== undefined;
}

/** What to do about a failed operation, by its reason code. */
export function adviceFor(reasonCode: string | undefined): string | undefined {
  if (reasonCode === undefined || !Object.hasOwn(OPERATION_FAILURES, reasonCode)) return undefined;
  return OPERATION_FAILURES[reasonCode as keyof typeof OPERATION_FAILURES];
}

/** One operation as it is followed: prints its transitions, each once, in order. */
class Follower {
  private lastRevision = 0;
  /** The hub's own transitions, before the agent has it, all have revision 0. */
  private readonly printed = new Set<string>();
  private hasToldApproval = false;
  private readonly id: string;
  private readonly options: FollowOptions;

  constructor(id: string, options: FollowOptions) {
    this.id = id;
    this.options = options;
  }

  async load(): Promise<OperationDetails> {
    const details = await this.options.hub.get(OperationDetails, apiPath`/operations/${this.id}`);
    for (const transition of details.transitions) this.print(transition);
    this.tellApproval(details);
    return details;
  }

  /** @returns the operation as it is now, when the item says something of it */
  async take(item: FeedItem): Promise<Operation | undefined> {
    switch (item.type) {
      case 'lost':
        this.options.note(`connection to the hub lost (${item.why}); trying again in ${duration(item.retryMs)}`);
        return undefined;
      case 'open':
      case 'reset':
        // Whatever happened before the feed was open is in the details.
        return this.load();
      case 'operation.changed':
        return item.data.operation.id === this.id ? this.changed(item.data) : undefined;
      case 'cluster.changed':
      case 'installation.changed':
        return undefined;
    }
  }

  private changed({ operation, transition }: { operation: Operation; transition?: OperationTransition }) {
    const isNext = transition?.revision === this.lastRevision + 1;
    if (!isNext || operation.state === 'awaiting-approval') return this.load();
    this.print(transition);
    return operation;
  }

  private print(transition: OperationTransition): void {
    const key = `${transition.revision} ${transition.state} ${transition.at}`;
    if (transition.revision < this.lastRevision || this.printed.has(key)) return;
    this.printed.add(key);
    this.lastRevision = transition.revision;
    const { output } = this.options;
    if (!output.isTable) return output.item({ operation: this.id, ...transition });
    const { at, phase, state, message, progress } = transition;
    const count = progress ? ` (${progress.done}/${progress.total})` : '';
    output.lines([`${localClock(at)}  ${output.paint(phase.padEnd(9), tintOf(state))}  ${headline(message)}${count}`]);
    // What stays, what is missing. The plan of what waits for approval is told in another way.
    if (state !== 'awaiting-approval')
      output.lines(
        printable(message)
          .trimEnd()
          .split('\n')
          .slice(1)
          .map((line) => `          ${line}`),
      );
  }

  private tellApproval(details: OperationDetails): void {
    if (details.state !== 'awaiting-approval' || this.hasToldApproval) return;
    this.hasToldApproval = true;
    const { note } = this.options;
    for (const { action, object } of details.plan?.changes.slice(0, maxShownChanges) ?? [])
      note(`  ${action.padEnd(8)} ${object}`);
    note(`waits for the customer, who says in the cluster: steward approve op-${details.id} (or reject)`);
  }
}

function summary(operation: Operation): string {
  const { state, message, reasonCode } = operation;
  const from = operation.startedAt ?? operation.createdAt;
  const took = operation.finishedAt ? ` after ${duration(Date.parse(operation.finishedAt) - Date.parse(from))}` : '';
  const [reason = ''] = printable(message).trim().split('\n');
  const why = state === 'succeeded' ? '' : `: ${shortened(reason)}${reasonCode ? ` [${reasonCode}]` : ''}`;
  return `${operationTitle(operation)}: ${state}${took}${why}`;
}

/** More than a headline: what it fails of is often said behind what became of it, and the pod that said so is gone by now. */
function shortened(text: string): string {
  return text.length > MAX_REASON ? `${text.slice(0, MAX_REASON)}…` : text;
}

function tellEnd(operation: Operation, { output, note }: FollowOptions): ExitCode {
  if (output.isTable) output.lines([output.paint(oneLine(summary(operation)), tintOf(operation.state))]);
  else output.item({ operation });
  const advice = adviceFor(operation.reasonCode);
  if (advice !== undefined && operation.state !== 'succeeded') note(advice);
  return exitCodeOfOperation(operation);
}

/**
 * Shows an operation until it has ended, from the live feed: each transition once, also across lost connections.
 * @returns what the command ends with
 * @throws CliError when the time is over
 */
export async function followOperation(id: string, options: FollowOptions): Promise<ExitCode> {
  const { hub, terminal, timeoutMs } = options;
  const follower = new Follower(id, options);
  const first = await follower.load();
  if (hasEnded(first)) return tellEnd(first, options);
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = deadline ? AbortSignal.any([terminal.signal, deadline]) : terminal.signal;
  for await (const item of feedItems(hub, { signal, query: { installation: first.installationId } })) {
    const latest = await follower.take(item);
    if (latest && hasEnded(latest)) return tellEnd(latest, options);
  }
  if (deadline?.aborted !== true || terminal.signal.aborted) return EXIT.interrupted;
  throw new CliError(EXIT.timeout, `the operation has not ended after ${duration(timeoutMs ?? 0)}; it goes on`, {
    action: `Watch on with: steward operations watch ${id}`,
  });
}
