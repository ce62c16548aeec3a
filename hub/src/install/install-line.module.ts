import { Module } from '@nestjs/common';
import { InstallLineService } from './install-line.service.ts';

@Module({ providers: [InstallLineService], exports: [InstallLineService] })
export class InstallLineModule {}
