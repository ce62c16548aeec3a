import type { MetricsFrame } from '@steward/shared';

const DAY_MS = 86_400_000;
/** There are partitions for these days. What is older was kept by an agent for longer than any does. */
const OLDEST_MS = 2 * DAY_MS;
const NEWEST_MS = DAY_MS;

/** A record of an agent as it is stored: `day` of UTC, the table's id as PostgreSQL takes a bigint. */
export interface StoredRecord {
  day: string;
  at: string;
  tableId: string;
  /** By the order of the table; null: as before, NaN: no number. Without those at the end that are as before. */
  numbers: (number | null)[];
}

/** @returns a sentence when it cannot be stored */
export function storedRecord(
  { t0, table, index, values, series }: MetricsFrame,
  now: number,
): StoredRecord | { problem: string } {
  const at = Date.parse(t0);
  if (!(at > now - OLDEST_MS && at < now + NEWEST_MS))
    return { problem: `its time ${t0} is not of the last two days: check the clock of the cluster's API server` };
  if (index && index.length !== values.length)
    return { problem: `${values.length} values of ${index.length} series do not fit` };
  if (series && values.length > series.length)
    return { problem: `${values.length} values of ${series.length} series do not fit` };
  const time = new Date(at).toISOString();
  return {
    day: time.slice(0, 10),
    at: time,
    tableId: BigInt.asIntN(64, BigInt(`0x${table}`)).toString(),
    numbers: placed(values, index),
  };
}

function placed(values: MetricsFrame['values'], index: readonly number[] | undefined): (number | null)[] {
  const known = values.map((value) => value ?? Number.NaN);
  if (!index) return known;
  const numbers: (number | null)[] = Array.from({ length: Math.max(-1, ...index) + 1 }, () => null);
  for (const [place, at] of index.entries()) numbers[at] = known[place] ?? Number.NaN;
  return numbers;
}
