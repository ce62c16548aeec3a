import { Injectable } from '@nestjs/common';
import type { PageOf, PageQuery, RejectedRecord } from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOfRows } from '../http/newest-first.ts';
import { pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { ClustersRepository } from './clusters.repository.ts';
import { RejectedRecordsRepository, toRejectedRecord } from './rejected-records.repository.ts';

@Injectable()
export class RejectedRecordsService {
  constructor(
    private readonly database: Database,
    private readonly clusters: ClustersRepository,
    private readonly rejected: RejectedRecordsRepository,
  ) {}

  async list(context: TenantContext, clusterId: string, query: PageQuery): Promise<PageOf<RejectedRecord>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, async (tx) => {
      if (!(await this.clusters.find(tx, clusterId)))
        throw new ProblemError('not-found', `there is no cluster ${clusterId}`, {
          action: 'see `steward cluster list`',
        });
      return this.rejected.list(tx, clusterId, page);
    });
    return pageOfRows(found, page, toRejectedRecord);
  }
}
