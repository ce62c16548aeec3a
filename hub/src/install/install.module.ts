import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/catalog.module.ts';
import { ClustersModule } from '../clusters/clusters.module.ts';
import { HubAddressService } from './hub-address.service.ts';
import { InstallController } from './install.controller.ts';
import { InstallService } from './install.service.ts';
import { TokenCleanerService } from './token-cleaner.service.ts';
import { InstallSourceRepository } from './install-source.repository.ts';

@Module({
  imports: [CatalogModule, ClustersModule],
  controllers: [InstallController],
  providers: [InstallService, InstallSourceRepository, HubAddressService, TokenCleanerService],
})
export class InstallModule {}
