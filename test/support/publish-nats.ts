import { join } from 'node:path';
import type { Stack } from './stack.ts';

const CHART = join(import.meta.dirname, '../../deploy/catalog/nats');
const ABSENT = `steward.test/nats:2.16=sha256:${'0'.repeat(64)}`;

/** NATS as two versions that run, 2.14.9 and 2.15.2, and 2.16.0, whose image nobody has. @param images as `reference=digest` */
export async function publishNats(
  stack: Pick<Stack, 'publish'>,
  { older, newer }: { older: string; newer: string },
): Promise<void> {
  const args = ['--set', 'image.repository=steward.test/nats', '--set', 'storage.size=1Gi'];
  const versions = { '2.14.9': older, '2.15.2': newer, '2.16.0': ABSENT };
  for (const [version, image] of Object.entries(versions))
    await stack.publish(CHART, { version, images: [image], args: ['--app-version', version.slice(0, 4), ...args] });
}
