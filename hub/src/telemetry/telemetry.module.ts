import { Global, Module } from '@nestjs/common';
import { OperationTraces } from './operation-traces.service.ts';

@Global()
@Module({ providers: [OperationTraces], exports: [OperationTraces] })
export class TelemetryModule {}
