import { stringify } from 'yaml';
import { paintFor, type Paint, type Terminal } from '../terminal/terminal.ts';
import { detailLines, tableLines, type Cell, type Column } from './table.ts';

export const OUTPUT_FORMATS = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** Writes results in the format asked for. `json` and `yaml` carry exactly what the hub's API answered. */
export class Output {
  readonly paint: Paint;
  readonly format: OutputFormat;
  private readonly terminal: Terminal;

  constructor(terminal: Terminal, format: OutputFormat) {
    this.terminal = terminal;
    this.format = format;
    this.paint = paintFor(terminal, terminal.outIsTty);
  }

  get isTable(): boolean {
    return this.format === 'table';
  }

  /** A table, or the array of rows. `none` is said on standard error when a table would be empty. */
  rows<T>(rows: readonly T[], columns: readonly Column<T>[], none: string): void {
    if (!this.isTable) return this.data(rows);
    if (rows.length === 0) return this.terminal.err(`${none}\n`);
    const width = this.terminal.outIsTty ? this.terminal.columns() : undefined;
    this.lines(tableLines(columns, rows, { paint: this.paint, width }));
  }

  /** One thing: `name: value` lines, or the object. */
  details(value: unknown, entries: readonly (readonly [string, Cell | undefined])[]): void {
    if (this.isTable) this.lines(detailLines(entries, this.paint));
    else this.data(value);
  }

  /** The outcome of a change: a sentence, or the object. */
  outcome(value: unknown, sentence: string): void {
    if (this.isTable) this.lines([sentence]);
    else this.data(value);
  }

  data(value: unknown): void {
    if (this.format === 'yaml') this.terminal.out(stringify(value, { lineWidth: 0, aliasDuplicateObjects: false }));
    else this.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** One of many values that follow each other while watching: a JSON line, or a YAML document. */
  item(value: unknown): void {
    if (this.format === 'yaml') this.terminal.out(`---\n${stringify(value, { lineWidth: 0 })}`);
    else this.terminal.out(`${JSON.stringify(value)}\n`);
  }

  lines(lines: readonly string[]): void {
    if (lines.length > 0) this.terminal.out(`${lines.join('\n')}\n`);
  }
}
