import type { Installation, InstallationExport } from '@steward/shared';

/** What a person types to go on with plain Helm, from the folder that was written. */
export interface HelmCommands {
  /** After `steward leave`: the objects are Helm's again. */
  afterLeave: string;
  /** Without it, as when the agent is gone for good: Helm takes what is Steward's. Helm 4. */
  withoutLeave: string;
}

export function chartFile({ chart }: Pick<InstallationExport, 'chart'>): string {
  return `${chart.name}-${chart.version}.tgz`;
}

export function helmCommands(exported: InstallationExport): HelmCommands {
  const { releaseName, namespace } = exported;
  const upgrade = `helm upgrade --install ${releaseName} ./${chartFile(exported)} --namespace ${namespace} --values values.yaml`;
  return { afterLeave: upgrade, withoutLeave: `${upgrade} --take-ownership --server-side=true --force-conflicts` };
}

/** After a change that failed and was left as it is, nobody knows what of it runs: what is exported is the good generation before it. */
export function failureNotes(
  { state, observedGeneration }: Pick<Installation, 'state' | 'observedGeneration'>,
  { installation, version }: InstallationExport,
): string[] {
  if (state !== 'failed') return [];
  const which = observedGeneration > 0 ? 'the last version that ran well' : 'the version that is wanted; none ran well';
  return [
    `The last change of it failed and was left as it is. This is ${version}, ${which}: what runs may differ. ` +
      `See how it failed: \`steward operations show ${installation}\`.`,
  ];
}

/** What does not go on by itself with plain Helm. */
export function exportNotes({ madeUp, runState }: InstallationExport, open: readonly string[]): string[] {
  const { resources = {}, autoscale = {} } = runState ?? {};
  const [resized, autoscaled] = [Object.keys(resources), Object.keys(autoscale)];
  const scaled = Object.entries(runState?.replicas ?? {}).map(([workload, count]) => `${workload} at ${count}`);
  return [
    ...open.map(
      (image) =>
        `No value of the chart changes how it names ${image}: it runs by its digest, so its pods are replaced once by the first helm upgrade.`,
    ),
    ...madeUp.map(
      (object) =>
        `The chart makes ${object} up anew at each render. Steward kept it; helm upgrade does not unless a value sets it.`,
    ),
    ...(runState?.stopped ? ['It is stopped; helm upgrade starts it.'] : []),
    ...(scaled.length > 0
      ? [`It is scaled by hand: ${scaled.join(', ')}. helm upgrade goes back to the chart's count.`]
      : []),
    ...(runState?.schedule ? ['It is stopped and started by a schedule of Steward, which ends with it.'] : []),
    ...(resized.length > 0
      ? [`Resized by Steward: ${resized.join(', ')}. helm upgrade goes back to the chart's requests and limits.`]
      : []),
    ...(autoscaled.length > 0
      ? [
          `Autoscaled by Steward: ${autoscaled.join(', ')}. The HorizontalPodAutoscalers named steward-… stay and are not the chart's: remove them, or keep them by hand.`,
        ]
      : []),
  ];
}

export function readme(exported: InstallationExport, notes: readonly string[]): string {
  const { installation, service, version, releaseName, namespace } = exported;
  const { afterLeave, withoutLeave } = helmCommands(exported);
  const all = [
    `# ${installation}: ${service} ${version} with plain Helm`,
    '',
    `The Helm release \`${releaseName}\` in namespace \`${namespace}\`. In this folder: the chart as the vendor signed it, the values it runs with, and its images by digest (\`images.txt\`).`,
    '',
    'After `steward leave`, go on with:',
    '',
    '```sh',
    afterLeave,
    '```',
    '',
    'When the agent is gone for good and nobody let go before (Helm 4):',
    '',
    '```sh',
    withoutLeave,
    '```',
    '',
    'Look first at what it would change: the same with `--dry-run=server`.',
    ...(notes.length > 0 ? ['', '## Mind', '', ...notes.map((note) => `- ${note}`)] : []),
  ];
  return `${all.join('\n')}\n`;
}

export function imageList({ images }: Pick<InstallationExport, 'images'>): string {
  return images.map(({ reference, digest }) => `${reference}@${digest}\n`).join('');
}
