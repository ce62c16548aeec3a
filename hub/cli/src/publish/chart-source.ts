import { loadChart, loadPackedChart, type Chart, type ChartChanges } from '../chart/chart.ts';
import { CliError, usageError } from '../cli-error.ts';
import { EXIT } from '../exit-codes.ts';
import { openRegistry } from '../registry/open-registry.ts';
import { isInRegistry, placeOf, pullChart } from '../registry/pull-chart.ts';
import type { RegistryFlags } from '../registry/registry-flags.ts';
import type { Terminal } from '../terminal/terminal.ts';

export interface ChartOptions extends RegistryFlags {
  version?: string;
  appVersion?: string;
  values?: string[];
  set?: string[];
}

export interface OpenedChart {
  chart: Chart;
  /** Where the very bytes of it lie in a registry. */
  place?: string;
}

function changesOf(options: ChartOptions): ChartChanges {
  return {
    version: options.version,
    appVersion: options.appVersion,
    valuesFiles: options.values ?? [],
    settings: options.set ?? [],
  };
}

/** A chart from its folder, a packed file or a registry, with the changes that were asked for. @throws CliError */
export async function openChart(terminal: Terminal, text: string, options: ChartOptions): Promise<OpenedChart> {
  const { cwd } = terminal;
  if (!isInRegistry(text)) return { chart: await loadChart(text, changesOf(options), cwd) };
  const place = placeOf(text);
  const { version } = options;
  if (version === undefined)
    throw usageError(`which version of ${text} is not said`, 'Give it: --version 1.2.3, as it was pushed.');
  const registry = await openRegistry(terminal, place, options);
  try {
    const packed = await pullChart(registry, place, version);
    const chart = await loadPackedChart(packed, text, { ...changesOf(options), version: undefined }, cwd);
    if (chart.meta.version !== version)
      throw new CliError(EXIT.failed, `${text} has a chart of version ${chart.meta.version} under ${version}`, {
        action: 'Push it with `helm push`, which tags a chart by its version.',
      });
    return { chart, ...(chart.packed === packed && { place }) };
  } finally {
    registry.close();
  }
}
