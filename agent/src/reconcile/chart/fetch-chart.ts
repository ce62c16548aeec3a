import { LIMITS, type Release } from '@steward/shared';
import { loadImageSource } from '../images/load-image-source.ts';
import { mirroredName } from '../images/with-image-source.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import type { Run } from '../operation/run/run.ts';
import { downloadFromRegistry } from './download-from-registry.ts';
import { loadRegistryKeys } from './registry-access.ts';

/**
 * The packed chart of a release, from the hub, or from the registry that the vendor signed and the customer may have mirrored: by
 * the customer's sources as they are now, so that the next try goes by what was put right. @throws DownloadError
 */
export async function fetchChart(run: Run, { chart }: Release): Promise<Outcome<Uint8Array>> {
  const { kube, config, link } = run.context;
  const { namespace, proxyEnv } = config;
  const signal = run.untilWriting;
  if (chart.oci === undefined) return done(await link.fetchChart(chart.digest, signal));
  if (chart.bytes > LIMITS.maxChartBytes)
    return failed('too-large', `the chart has ${chart.bytes} bytes; the limit is ${LIMITS.maxChartBytes}`);
  const source = await loadImageSource(kube, { namespace, installation: run.installation.name, signal });
  if (!source.ok) return source;
  const place = mirroredName(chart.oci, source.value.images.mirrors);
  const names = source.value.chartPullSecrets;
  const keys = await loadRegistryKeys(kube, { namespace, names, place, signal });
  if (!keys.ok) return keys;
  return done(await downloadFromRegistry({ place, chart, keys: keys.value, proxyEnv, signal }));
}
