import { Module } from '@nestjs/common';
import { CustomersModule } from '../customers/customers.module.ts';
import { InstallLineModule } from '../install/install-line.module.ts';
import { ClusterNewsService } from './cluster-news.service.ts';
import { ClustersController } from './clusters.controller.ts';
import { ClustersRepository } from './clusters.repository.ts';
import { ClustersService } from './clusters.service.ts';
import { EnrolmentTokensRepository } from './enrolment-tokens.repository.ts';
import { RejectedRecordsRepository } from './rejected-records.repository.ts';
import { RejectedRecordsService } from './rejected-records.service.ts';

@Module({
  imports: [CustomersModule, InstallLineModule],
  controllers: [ClustersController],
  providers: [
    ClustersService,
    ClustersRepository,
    ClusterNewsService,
    EnrolmentTokensRepository,
    RejectedRecordsService,
    RejectedRecordsRepository,
  ],
  exports: [ClustersRepository, ClusterNewsService, EnrolmentTokensRepository, RejectedRecordsRepository],
})
export class ClustersModule {}
