import { healthCell, runsText } from '../output/cells.ts';
import { tableLines, type Column, type TableStyle } from '../output/table.ts';
import { oneLine } from '../terminal/terminal.ts';
import { messageOf, type Board, type BoardRow } from './board.ts';

/** An arrow only while something is on its way: what came to nothing leads nowhere. */
function versionText({ installation: one, operation }: BoardRow): string {
  const runs = runsText(one);
  if (!operation && runs !== undefined) return runs;
  const wanted = one.action === 'remove' ? 'removed' : one.version;
  if (runs === wanted) return wanted;
  return runs === undefined ? `→ ${wanted}` : `${runs} → ${wanted}`;
}

const COLUMNS: readonly Column<BoardRow>[] = [
  { title: 'customer', cell: ({ installation }) => installation.customer },
  { title: 'cluster', cell: ({ installation }) => installation.cluster },
  { title: 'installation', cell: ({ installation }) => installation.name },
  { title: 'version', cell: versionText },
  { title: 'health', cell: ({ installation }) => healthCell(installation) },
  {
    title: 'operation',
    cell: ({ operation }) => ({
      text: operation
        ? `${operation.kind}: ${operation.state === 'awaiting-approval' ? operation.state : operation.phase}`
        : '',
      tint: operation?.state === 'awaiting-approval' ? 'yellow' : 'cyan',
    }),
  },
  { title: 'message', cell: messageOf },
];

/** The board as text. Clusters that are not connected are named below the table, each with what to do. */
export function boardLines(board: Board, style: TableStyle): string[] {
  const rows = board.rows();
  const lines =
    rows.length > 0
      ? tableLines(COLUMNS, rows, style)
      : ['No installations. Make one: steward install SERVICE --cluster NAME'];
  for (const cluster of board.unconnected()) {
    const text = oneLine(
      `cluster ${cluster.customer}/${cluster.name} is ${cluster.connection}: ${cluster.connectionMessage}`,
    );
    lines.push(style.paint(style.width === undefined ? text : text.slice(0, style.width), 'yellow'));
  }
  return lines;
}
