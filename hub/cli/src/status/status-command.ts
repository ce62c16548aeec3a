import { Cluster, Installation, Operation } from '@steward/shared';
import type { Command } from 'commander';
import { feedItems, type FeedItem } from '../hub-api/feed.ts';
import type { HubClient } from '../hub-api/hub-client.ts';
import { duration, localClock } from '../output/time.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { LiveView } from '../terminal/live-view.ts';
import { oneLine } from '../terminal/terminal.ts';
import { Board, type BoardFilter } from './board.ts';
import { boardLines } from './board-lines.ts';

interface StatusOptions extends BoardFilter {
  watch?: boolean;
}

async function fill(
  board: Board,
  hub: HubClient,
  { customer, cluster, service }: BoardFilter,
): Promise<Installation[]> {
  const [clusters, installations, operations] = await Promise.all([
    hub.list(Cluster, '/clusters', { customer, name: cluster }),
    hub.list(Installation, '/installations', { customer, cluster, service }),
    hub.list(Operation, '/operations', { customer, cluster, unfinished: 'true' }),
  ]);
  board.load(clusters, installations, operations);
  return installations;
}

/** How the board is shown while it changes: painted over, line by line, or as JSON lines. */
interface Show {
  loaded(): void;
  item(item: FeedItem): void;
  stop(): void;
}

function painted({ terminal, output }: Invocation<StatusOptions>, board: Board): Show {
  let state = 'connecting …';
  const footer = (): string => output.paint(`${state}  Ctrl-C ends`.slice(0, terminal.columns()), 'dim');
  const view = new LiveView(terminal, () => [
    ...boardLines(board, { paint: output.paint, width: terminal.columns() }),
    footer(),
  ]);
  const live = (): void => {
    state = `live, last change ${localClock(terminal.now().toISOString())}.`;
    view.changed();
  };
  return {
    loaded: live,
    item: (item) => {
      if (item.type === 'lost') {
        state = oneLine(`connection to the hub lost: ${item.why}; trying again in ${duration(item.retryMs)}.`);
        return view.changed();
      }
      if (item.type !== 'open' && item.type !== 'reset' && board.apply(item)) live();
    },
    stop: () => view.stop(),
  };
}

function logged({ terminal, output, note }: Invocation<StatusOptions>, board: Board): Show {
  return {
    loaded: () => {
      if (output.isTable) output.lines(boardLines(board, { paint: output.paint }));
      else
        for (const { installation } of board.rows()) output.item({ type: 'installation.changed', data: installation });
    },
    item: (item) => {
      if (item.type === 'lost')
        return note(`connection to the hub lost: ${item.why}; trying again in ${duration(item.retryMs)}`);
      if (item.type === 'open' || item.type === 'reset') return;
      const change = board.apply(item);
      if (!change) return;
      if (!output.isTable) return output.item(item);
      output.lines([`${localClock(terminal.now().toISOString())}  ${change.subject}  ${oneLine(change.text)}`]);
    },
    stop: () => undefined,
  };
}

async function watch(invocation: Invocation<StatusOptions>, hub: HubClient): Promise<void> {
  const { terminal, output, options } = invocation;
  const board = new Board(options);
  const canPaint = output.isTable && terminal.outIsTty && terminal.env['TERM'] !== 'dumb';
  const show = canPaint ? painted(invocation, board) : logged(invocation, board);
  try {
    for await (const item of feedItems(hub, { signal: terminal.signal })) {
      show.item(item);
      // Loaded after the feed is open, so that nothing falls in between; resumed feeds bring what was missed.
      if (item.type === 'reset' || (item.type === 'open' && !item.isResumed)) {
        await fill(board, hub, options);
        show.loaded();
      }
    }
  } finally {
    show.stop();
  }
}

async function runStatus(invocation: Invocation<StatusOptions>): Promise<void> {
  const { options, output, terminal } = invocation;
  const hub = await invocation.hub();
  if (options.watch) return watch(invocation, hub);
  const board = new Board(options);
  const installations = await fill(board, hub, options);
  if (!output.isTable) return output.data(installations);
  output.lines(boardLines(board, { paint: output.paint, width: terminal.outIsTty ? terminal.columns() : undefined }));
}

export function addStatusCommand(program: Command, session: Session): void {
  addCommand<StatusOptions>(program, session, {
    usage: 'status',
    summary: 'show what runs where, how it is, and what is being done; --watch shows changes at once',
    about:
      'On a terminal --watch keeps a table up to date; elsewhere it writes a line per change, with --output json a JSON object per line. ' +
      'A lost connection is dialled again, and what happened meanwhile is shown.',
    examples: ['steward status', 'steward status --watch', 'steward status --cluster prod --watch --output json'],
    options: (command) =>
      command
        .option('--customer <slug>', "only this customer's")
        .option('--cluster <name>', 'only on this cluster')
        .option('--service <slug>', 'only of this service')
        .option('-w, --watch', 'stay and show every change at once'),
    run: runStatus,
  });
}
