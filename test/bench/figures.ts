import { cpus, loadavg, totalmem } from 'node:os';

/** The value below which the share lies, by nearest rank; NaN for none. @param share 0 to 1 */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

export function rounded(value: number, digits = 1): number {
  return Number(value.toFixed(digits));
}

export type Figures = Record<string, number>;

/** The machine at the end of a run: a figure means nothing without its load. */
export function machine(): Record<string, string | number> {
  const [load = 0] = loadavg();
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    memoryGiB: rounded(totalmem() / 2 ** 30, 0),
    load1: rounded(load, 2),
    node: process.version,
  };
}

/** Progress for people, beside the one line for programs. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
