import { Module } from '@nestjs/common';
import { InstallationsModule } from '../installations/installations.module.ts';
import { MetricDaysService } from './metric-days.service.ts';
import { MetricRecordsRepository } from './metric-records.repository.ts';
import { MetricsReaderRepository } from './metrics-reader.repository.ts';
import { MetricsReaderService } from './metrics-reader.service.ts';
import { ServiceMetricsController } from './service-metrics.controller.ts';

/** What agents measure of installations: stored by day, asked for by range. */
@Module({
  imports: [InstallationsModule],
  controllers: [ServiceMetricsController],
  providers: [MetricRecordsRepository, MetricDaysService, MetricsReaderRepository, MetricsReaderService],
  exports: [MetricRecordsRepository],
})
export class ServiceMetricsModule {}
