import { LatestMetrics, MetricRange } from '@steward/shared';
import type { Command } from 'commander';
import { findInstallation } from '../installations/find-installation.ts';
import { apiPath } from '../hub-api/hub-client.ts';
import type { Output } from '../output/output.ts';
import { localTime } from '../output/time.ts';
import { parseDuration } from '../output/timeout.ts';
import { addCommand, type Invocation, type Session } from '../program/command.ts';
import { labelsText, numberText, spark } from './series-text.ts';

interface MetricsOptions {
  since?: number;
  step?: number;
}

const HOUR_MS = 3_600_000;

/** Points of a table: what a line of a terminal shows. */
const SHOWN_POINTS = 60;
const MIN_STEP_S = 15;

async function runMetrics({ args, options, output, hub, note }: Invocation<MetricsOptions>): Promise<void> {
  const [wanted = '', name] = args;
  const client = await hub();
  const { id } = await findInstallation(client, wanted);
  if (name === undefined)
    return printLatest(await client.get(LatestMetrics, apiPath`/installations/${id}/metrics`), output);
  const to = Date.now();
  const { since = HOUR_MS, step } = options;
  const range = await client.get(MetricRange, apiPath`/installations/${id}/metrics/range`, {
    name,
    from: new Date(to - since).toISOString(),
    to: new Date(to).toISOString(),
    stepSeconds: stepOf(since, step),
  });
  printRange(range, output);
  if (output.isTable && range.leftOut > 0) note(`${range.leftOut} more series were left out.`);
}

function stepOf(since: number, step: number | undefined): number {
  if (step !== undefined) return Math.round(step / 1_000);
  return Math.max(MIN_STEP_S, Math.ceil(since / 1_000 / SHOWN_POINTS));
}

function printLatest(latest: LatestMetrics, output: Output): void {
  if (!output.isTable) return output.data(latest);
  output.rows(
    latest.series,
    [
      { title: 'metric', cell: ({ name }) => name },
      { title: 'series', cell: ({ labels }) => labelsText(labels) },
      { title: 'value', cell: ({ value }) => numberText(value) },
    ],
    'Nothing was measured. A release declares what its agents measure: see `metrics` in docs/package-a-service.md.',
  );
  if (latest.at !== undefined) output.lines(['', `Measured ${localTime(latest.at)}`]);
}

function printRange(range: MetricRange, output: Output): void {
  if (!output.isTable) return output.data(range);
  const numbersOf = ({ values }: MetricRange['series'][number]): number[] => values.filter((value) => value !== null);
  output.rows(
    range.series,
    [
      { title: 'series', cell: ({ labels }) => labelsText(labels) },
      { title: 'lowest', cell: (one) => numberText(min(numbersOf(one))) },
      { title: 'highest', cell: (one) => numberText(max(numbersOf(one))) },
      { title: 'last', cell: (one) => numberText(numbersOf(one).at(-1) ?? null) },
      { title: `${localTime(range.from)} and on`, cell: ({ values }) => spark(values) },
    ],
    `No ${range.name} was measured in that time. Without a name, all metrics there are are listed.`,
  );
}

function min(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : Math.min(...numbers);
}

function max(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : Math.max(...numbers);
}

export function addMetricsCommand(program: Command, session: Session): void {
  addCommand<MetricsOptions>(program, session, {
    usage: 'metrics <installation> [metric]',
    summary: 'what is measured of an installation: now, or one metric over time',
    about:
      'A table shows the course of each series in a line; json and yaml have every point, null where nothing was measured.',
    examples: [
      'steward metrics nats',
      'steward metrics prod/nats nats_connections --since 6h',
      'steward metrics nats up --since 1d --step 5m --output json',
    ],
    options: (command) =>
      command
        .option('--since <time>', 'from 10m, 6h, 7d ago on (default: 1h)', parseDuration)
        .option('--step <time>', 'time between two points (default: a sixtieth of it, at least 15s)', parseDuration),
    run: runMetrics,
  });
}
