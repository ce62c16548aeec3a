import { join } from 'node:path';
import { containersOf, podSpecOf, type KubeManifest } from '@steward/shared';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { buildProgram } from '../cluster/programs/programs.ts';
import { mustSucceed } from '../support/command.ts';

/** The security settings of every pod of an example service, and of its containers. */
async function settingsOf(chart: string, ...flags: string[]): Promise<unknown[]> {
  const folder = join(import.meta.dirname, '../../deploy/catalog', chart);
  const yaml = await mustSucceed(await buildProgram('helm'), ['template', 'x', folder, ...flags]);
  const objects = parseAllDocuments(yaml).flatMap((document) => (document.toJS() as KubeManifest | null) ?? []);
  return objects.flatMap((object) => {
    const podSpec = podSpecOf(object);
    if (!podSpec) return [];
    return [podSpec['securityContext'], ...containersOf(podSpec).map((container) => container['securityContext'])];
  });
}

// OpenShift's restricted-v2 refuses each of these outside the range that it gave the namespace.
const NAMED = /"(runAsUser|runAsGroup|fsGroup)"/;

it.each(['nats', 'hello'])('%s names no user where the cluster gives pods theirs', async (chart) => {
  const settings = await settingsOf(chart, '--set', 'anyUser=true');
  expect(settings[0]).toMatchObject({ runAsNonRoot: true });
  expect(JSON.stringify(settings)).not.toMatch(NAMED);
  expect(JSON.stringify(await settingsOf(chart))).toMatch(NAMED);
});
