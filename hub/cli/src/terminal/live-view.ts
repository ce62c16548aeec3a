import type { Terminal } from './terminal.ts';

/** Lines at the end of a terminal that are painted over when they change, at most 30 times a second. */
export class LiveView {
  private readonly terminal: Terminal;
  private readonly lines: () => readonly string[];
  private shownLines = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param lines what to show now; no line wider than the terminal */
  constructor(terminal: Terminal, lines: () => readonly string[]) {
    this.terminal = terminal;
    this.lines = lines;
  }

  /** Paints soon; calls in between are one. */
  changed(): void {
    this.timer ??= setTimeout(() => this.paint(), 33);
  }

  private paint(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const room = Math.max(3, this.terminal.rows() - 1);
    const all = this.lines();
    const left = all.length - room + 1;
    const lines = all.length <= room ? all : [...all.slice(0, room - 1), `… ${left} more lines; use a filter`];
    const up = this.shownLines > 0 ? `\u001b[${this.shownLines}A` : '';
    const text = lines.map((line) => `${line}\u001b[K\n`).join('');
    this.terminal.out(`${up}\r${text}\u001b[J`);
    this.shownLines = lines.length;
  }

  /** Paints the last state, and leaves it there. */
  stop(): void {
    if (this.timer !== undefined) this.paint();
  }
}
