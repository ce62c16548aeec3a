import { Module } from '@nestjs/common';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { FeedModule } from '../feed/feed.module.ts';
import { InstallationsModule } from '../installations/installations.module.ts';
import { ServiceMetricsModule } from '../service-metrics/service-metrics.module.ts';
import { AgentStreamsRepository } from './agent-streams.repository.ts';
import { EventsRepository } from './events.repository.ts';
import { IngestMetrics } from './ingest-metrics.ts';
import { RecordContentService } from './record-content.service.ts';
import { RecordsService } from './records.service.ts';
import { ReportsRepository } from './reports.repository.ts';
import { ReportsService } from './reports.service.ts';
import { ResultsRepository } from './results.repository.ts';
import { ResultsService } from './results.service.ts';

@Module({
  imports: [ClustersModule, InstallationsModule, FeedModule, ServiceMetricsModule],
  providers: [
    AgentStreamsRepository,
    EventsRepository,
    IngestMetrics,
    RecordContentService,
    RecordsService,
    ReportsRepository,
    ReportsService,
    ResultsRepository,
    ResultsService,
  ],
  exports: [RecordsService, ReportsService, AgentStreamsRepository],
})
export class IngestModule {}
