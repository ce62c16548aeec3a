import { Module } from '@nestjs/common';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { EnrolmentController } from './enrolment.controller.ts';
import { EnrolmentService } from './enrolment.service.ts';

@Module({ imports: [ClustersModule], controllers: [EnrolmentController], providers: [EnrolmentService] })
export class EnrolmentModule {}
