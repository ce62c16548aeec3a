import { oneLine, type Paint, type Tint } from '../terminal/terminal.ts';

/** A cell: its text, and how it is coloured where colours are shown. */
export type Cell = string | { text: string; tint: Tint | undefined };

export interface Column<T> {
  title: string;
  cell(row: T): Cell;
}

export interface TableStyle {
  paint: Paint;
  /** Lines are cut at this width; undefined: never, so that pipes get everything. */
  width?: number | undefined;
}

const GAP = '  ';

function textOf(cell: Cell): string {
  return oneLine(typeof cell === 'string' ? cell : cell.text) || '-';
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text;
  return `${Array.from(text)
    .slice(0, Math.max(0, width - 1))
    .join('')}…`;
}

/** Lines of a table with a heading. Each column is as wide as its longest cell; only the last line break is left to the caller. */
export function tableLines<T>(columns: readonly Column<T>[], rows: readonly T[], style: TableStyle): string[] {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const widths = columns.map((column, at) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(textOf(line[at] ?? '')))),
  );
  const render = (line: readonly Cell[], isHeading: boolean): string => {
    let room = style.width ?? Number.POSITIVE_INFINITY;
    const parts: string[] = [];
    for (const [at, cell] of line.entries()) {
      if (room <= 0) break;
      const text = cut(textOf(cell), room);
      const isLast = at === line.length - 1;
      const padded = isLast ? text : text.padEnd(Math.min(widths[at] ?? 0, room));
      const tint = isHeading ? 'bold' : typeof cell === 'string' ? undefined : cell.tint;
      parts.push(style.paint(padded, tint));
      room -= widthOf(padded) + GAP.length;
    }
    return parts.join(GAP).trimEnd();
  };
  return [
    render(
      columns.map((column) => column.title.toUpperCase()),
      true,
    ),
    ...cells.map((line) => render(line, false)),
  ];
}

/** `Name:  value` lines of one thing; entries without a value are left out. */
export function detailLines(entries: readonly (readonly [string, Cell | undefined])[], paint: Paint): string[] {
  const shown = entries.filter((entry): entry is readonly [string, Cell] => entry[1] !== undefined && entry[1] !== '');
  const width = Math.max(0, ...shown.map(([name]) => widthOf(name))) + 1;
  return shown.map(([name, cell]) => {
    const tint = typeof cell === 'string' ? undefined : cell.tint;
    return `${paint(`${name}:`.padEnd(width), 'bold')} ${paint(textOf(cell), tint)}`;
  });
}
