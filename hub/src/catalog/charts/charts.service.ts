import { Injectable } from '@nestjs/common';
import { LIMITS, type StoredChart } from '@steward/shared';
import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { Database } from '../../db/database.ts';
import type { TenantContext } from '../../db/tenant-context.ts';
import { ProblemError } from '../../http/problem.ts';
import { ChartsRepository } from './charts.repository.ts';

/** Each holds up to the largest chart in memory. */
const MAX_UPLOADS = 4;

function tooLarge(): ProblemError {
  return new ProblemError('too-large', `a packed chart has at most ${LIMITS.maxChartBytes} bytes`, {
    action: 'leave out of the package what the chart does not need (.helmignore)',
  });
}

@Injectable()
export class ChartsService {
  #uploads = 0;

  constructor(
    private readonly database: Database,
    private readonly charts: ChartsRepository,
  ) {}

  /** Stores a packed chart under its digest, which is checked while it comes in. The same again changes nothing. */
  async store(context: TenantContext, digest: string, body: Readable): Promise<StoredChart> {
    if (this.#uploads >= MAX_UPLOADS)
      throw new ProblemError('too-many-requests', 'too many charts are being uploaded', { retryAfterSeconds: 2 });
    this.#uploads += 1;
    try {
      const content = await readChart(body, digest);
      await this.database.inTenant(context, (tx) => this.charts.insert(tx, context, digest, content));
      return { digest, bytes: content.byteLength };
    } finally {
      this.#uploads -= 1;
    }
  }
}

async function readChart(body: Readable, digest: string): Promise<Buffer> {
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.maxChartBytes) throw tooLarge();
    hash.update(chunk);
    chunks.push(chunk);
  }
  const found = `sha256:${hash.digest('hex')}`;
  if (found !== digest)
    throw new ProblemError('invalid-request', `the ${bytes} bytes that came have the digest ${found}, not ${digest}`, {
      action: 'upload it again; if it stays, the file is not the one that was signed',
    });
  const content = Buffer.concat(chunks);
  if (content[0] !== 0x1f || content[1] !== 0x8b)
    throw new ProblemError('invalid-request', 'this is no packed chart: it is not gzip', {
      action: 'send the .tgz that `helm package` makes',
    });
  return content;
}
