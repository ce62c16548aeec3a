import { Global, Module } from '@nestjs/common';
import { LifeCycle } from './life-cycle.ts';
import { Metrics } from './metrics.ts';
import { StatusController } from './status.controller.ts';

@Global()
@Module({ controllers: [StatusController], providers: [LifeCycle, Metrics], exports: [LifeCycle, Metrics] })
export class StatusModule {}
