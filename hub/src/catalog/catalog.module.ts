import { Module } from '@nestjs/common';
import { ParametersModule } from '../parameters/parameters.module.ts';
import { ChartsController } from './charts/charts.controller.ts';
import { ChartsRepository } from './charts/charts.repository.ts';
import { ChartsService } from './charts/charts.service.ts';
import { ReleaseKeysController } from './release-keys/release-keys.controller.ts';
import { ReleaseKeysRepository } from './release-keys/release-keys.repository.ts';
import { ReleaseKeysService } from './release-keys/release-keys.service.ts';
import { ReleasesController } from './releases.controller.ts';
import { ReleasesRepository } from './releases.repository.ts';
import { ReleasesService } from './releases.service.ts';
import { ServicesController } from './services.controller.ts';
import { ServicesRepository } from './services.repository.ts';
import { ServicesService } from './services.service.ts';

@Module({
  imports: [ParametersModule],
  controllers: [ServicesController, ReleasesController, ChartsController, ReleaseKeysController],
  providers: [
    ServicesService,
    ServicesRepository,
    ReleasesService,
    ReleasesRepository,
    ChartsService,
    ChartsRepository,
    ReleaseKeysService,
    ReleaseKeysRepository,
  ],
  exports: [ServicesRepository, ReleasesRepository, ReleaseKeysRepository, ChartsRepository],
})
export class CatalogModule {}
