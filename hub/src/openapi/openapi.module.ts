import { Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { OpenApiController } from './openapi.controller.ts';
import { RouteTable } from './route-table.ts';

@Module({
  imports: [DiscoveryModule],
  controllers: [OpenApiController],
  providers: [RouteTable],
  exports: [RouteTable],
})
export class OpenApiModule {}
