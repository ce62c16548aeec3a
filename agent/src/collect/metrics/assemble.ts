import { canonicalJson, LIMITS, sha256, type Decoded, type MetricSeries } from '@steward/shared';
import type { Sample } from './exposition.ts';

/** What there is to know of one pod from one place. */
export interface Answer {
  /** The same as long as it is the same pod and place. */
  key: string;
  /** Labels that the agent adds. */
  own: { pod: string; endpoint?: string };
  page: Decoded<Sample[]>;
}

/** All series of one look, in an order that depends on nothing but their names. */
export interface Table {
  id: string;
  series: MetricSeries[];
}

export interface Look {
  table: Table;
  /** NaN: no number. */
  values: number[];
  leftOut: number;
}

/** What a table of the longest series would not fit into a frame with. */
const MAX_TABLE_CHARACTERS = 400_000;

/** Puts the pages of one installation together, look after look. */
export class Assembler {
  /** By target, the series that it had when it answered last: while it does not, they are there without numbers. */
  #known = new Map<string, Map<string, MetricSeries>>();
  #table: Table & { text: string } = { id: '', series: [], text: '' };

  add(answers: readonly Answer[]): Look {
    const known = new Map<string, Map<string, MetricSeries>>();
    const found = new Map<string, { series: MetricSeries; value: number }>();
    for (const { key: of, own, page } of answers) {
      const put = (series: MetricSeries, value: number): string => {
        const key = canonicalJson(series);
        found.set(key, { series, value });
        return key;
      };
      if (page.ok) {
        const named = page.value.map(({ name, labels, value }): [string, MetricSeries] => {
          const series: MetricSeries = [name, { ...renamed(labels), ...own }];
          return [put(series, value), series];
        });
        known.set(of, new Map(named));
      } else {
        const before = this.#known.get(of) ?? new Map<string, MetricSeries>();
        for (const series of before.values()) put(series, Number.NaN);
        known.set(of, before);
      }
      // Last: a service's own metric of that name does not hide it.
      if (own.endpoint !== undefined) put(['up', own], page.ok ? 1 : 0);
    }
    this.#known = known;
    return this.#lookOf(found);
  }

  #lookOf(found: ReadonlyMap<string, { series: MetricSeries; value: number }>): Look {
    const keys = [...found.keys()].toSorted();
    let characters = 0;
    const kept = keys.filter((key, at) => {
      characters += key.length;
      return at < LIMITS.maxMetricSeries && characters < MAX_TABLE_CHARACTERS;
    });
    const text = kept.join('\n');
    const entries = kept.flatMap((key) => found.get(key) ?? []);
    if (text !== this.#table.text) {
      const id = sha256(Buffer.from(text)).slice('sha256:'.length, 'sha256:'.length + 16);
      this.#table = { id, series: entries.map(({ series }) => series), text };
    }
    const { id, series } = this.#table;
    return { table: { id, series }, values: entries.map(({ value }) => value), leftOut: keys.length - kept.length };
  }
}

/** The two labels that the agent adds are its own to give: the service's of these names are told apart, as Prometheus does. */
function renamed(labels: Record<string, string>): Record<string, string> {
  const { endpoint, pod, ...others } = labels;
  return {
    ...others,
    ...(endpoint !== undefined && { exported_endpoint: endpoint }),
    ...(pod !== undefined && { exported_pod: pod }),
  };
}
