import { problemOfDefinition, readManifests, type KindDefinition, type SourcedObject } from '@steward/shared';
import type { ChartFiles } from '../chart/chart-files.ts';
import type { Findings } from '../findings/finding.ts';

/** A signed release has to stay small; some operators bring megabytes of these. */
const MAX_BYTES = 256 * 1024;

/**
 * The kinds of a chart's own, from the `crds` folders of it and its subcharts. They are signed with the release and printed
 * with each grant: the customer applies them, since the agent has no right in the whole cluster.
 */
export function readDefinitions(files: ChartFiles, findings: Findings): KindDefinition[] {
  const found: KindDefinition[] = [];
  for (const [file, bytes] of files) {
    if (!/(^|\/)crds\/.+\.(ya?ml|json)$/.test(file)) continue;
    const read = readManifests(bytes.toString('utf8'));
    const objects: SourcedObject[] = read.ok ? read.objects : [];
    const wrong = read.ok
      ? objects.map(({ object }) => problemOfDefinition(object)).find((problem) => problem !== undefined)
      : read.error;
    if (wrong === undefined) found.push(...objects.map(({ object }) => object as KindDefinition));
    else
      findings.add('error', 'crd', wrong, {
        place: { file },
        action: 'A crds folder holds CustomResourceDefinitions of groups of your own, and nothing else.',
      });
  }
  if (found.length === 0) return [];
  const names = found.map(({ metadata }) => metadata.name).join(', ');
  const isSmall = JSON.stringify(found).length <= MAX_BYTES && found.length <= 100;
  if (isSmall)
    findings.add('note', 'crd', `the customer applies these kinds with the grant: ${names}`, {
      action: 'An upgrade that changes them needs a new grant first: steward installation grant NAME.',
    });
  else
    findings.add('warning', 'crd', `too large to be signed, so no grant brings them: ${names}`, {
      action:
        'Say in your installation guide that the customer applies them before, and before an upgrade that changes them.',
    });
  return isSmall ? found : [];
}
