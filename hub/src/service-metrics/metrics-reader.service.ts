import { Injectable } from '@nestjs/common';
import { canonicalJson, LIMITS, type LatestMetrics, type MetricRange, type MetricRangeQuery } from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { MetricsReaderRepository, type FoundSeries } from './metrics-reader.repository.ts';
import { inSteps, rangeOf } from './range.ts';

@Injectable()
export class MetricsReaderService {
  constructor(
    private readonly database: Database,
    private readonly installations: InstallationsRepository,
    private readonly metrics: MetricsReaderRepository,
  ) {}

  latest(context: TenantContext, id: string): Promise<LatestMetrics> {
    return this.database.inTenant(context, async (tx) => {
      await this.installations.load(tx, id);
      const batches = await this.metrics.latest(tx, id);
      const [newest] = batches;
      if (!newest) return { series: [] };
      const table = await this.metrics.table(tx, id, newest);
      const valueOf = (at: number): number | null => {
        const known = batches.find(({ numbers }) => typeof numbers[at] === 'number')?.numbers[at] ?? null;
        return Number.isFinite(known) ? known : null;
      };
      return {
        at: newest.at.toISOString(),
        series: table.map(([name, labels], at) => ({ name, labels, value: valueOf(at) })),
      };
    });
  }

  range(context: TenantContext, id: string, query: MetricRangeQuery): Promise<MetricRange> {
    const range = rangeOf(query, Date.now());
    return this.database.inTenant(context, async (tx) => {
      await this.installations.load(tx, id);
      const { kept, series, leftOut } = numbered(await this.metrics.findSeries(tx, id, range));
      const measured = kept.length === 0 ? [] : await this.metrics.measured(tx, id, range, kept);
      return {
        name: range.name,
        from: new Date(range.fromMs).toISOString(),
        to: new Date(range.toMs).toISOString(),
        stepSeconds: range.stepMs / 1_000,
        series: inSteps(measured, series, range),
        leftOut,
      };
    });
  }
}

/** A number for each series, whatever tables it is in; the newest ones first, since those are what somebody looks for. */
function numbered(found: readonly FoundSeries[]): {
  kept: (FoundSeries & { key: number })[];
  series: Record<string, string>[];
  leftOut: number;
} {
  const keys = new Map<string, number>();
  const kept = found.map((one) => {
    const text = canonicalJson(one.series[1]);
    const key = keys.get(text) ?? keys.size;
    keys.set(text, key);
    return { ...one, key };
  });
  const labels = new Map(kept.map(({ key, series }) => [key, series[1]]));
  const count = Math.min(keys.size, LIMITS.maxAnsweredSeries);
  return {
    kept: kept.filter(({ key }) => key < count),
    series: Array.from({ length: count }, (_, key) => labels.get(key) ?? {}),
    leftOut: keys.size - count,
  };
}
