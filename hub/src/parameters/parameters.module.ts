import { Module } from '@nestjs/common';
import { SchemaCheckerService } from './schema-checker.service.ts';

@Module({ providers: [SchemaCheckerService], exports: [SchemaCheckerService] })
export class ParametersModule {}
