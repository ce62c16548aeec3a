import { Module } from '@nestjs/common';
import { CatalogModule } from '../catalog/catalog.module.ts';
import { InstallLineModule } from '../install/install-line.module.ts';
import { AdoptionService } from '../wanted/adoption.service.ts';
import { BeginOperationService } from '../operations/begin-operation.service.ts';
import { EndOperationService } from '../operations/end-operation.service.ts';
import { IdempotencyRepository } from '../operations/idempotency.repository.ts';
import { OperationCleanerService } from '../operations/operation-cleaner.service.ts';
import { OperationExpiryService } from '../operations/operation-expiry.service.ts';
import { OperationsController } from '../operations/operations.controller.ts';
import { OperationsRepository } from '../operations/operations.repository.ts';
import { OperationsService } from '../operations/operations.service.ts';
import { ParametersModule } from '../parameters/parameters.module.ts';
import { WantedChangeService } from '../wanted/wanted-change.service.ts';
import { AgentAbilitiesRepository } from '../wanted/agent-abilities.repository.ts';
import { ExportController } from './export.controller.ts';
import { ExportService } from './export.service.ts';
import { GrantsService } from './grants.service.ts';
import { InstallationPlaceService } from '../wanted/installation-place.service.ts';
import { InstallationEventsRepository } from './installation-events.repository.ts';
import { InstallationsReaderService } from './installations-reader.service.ts';
import { InstallationsController } from './installations.controller.ts';
import { InstallationsRepository } from './installations.repository.ts';
import { InstallationsService } from './installations.service.ts';
import { WantedReleaseService } from '../wanted/wanted-release.service.ts';

/** Installations and the operations that change them: one writes the other's rows, so they are one module. */
@Module({
  imports: [CatalogModule, ParametersModule, InstallLineModule],
  controllers: [InstallationsController, ExportController, OperationsController],
  providers: [
    InstallationsRepository,
    InstallationEventsRepository,
    InstallationsReaderService,
    InstallationsService,
    WantedReleaseService,
    WantedChangeService,
    AdoptionService,
    InstallationPlaceService,
    ExportService,
    AgentAbilitiesRepository,
    GrantsService,
    OperationsRepository,
    OperationsService,
    OperationCleanerService,
    OperationExpiryService,
    BeginOperationService,
    EndOperationService,
    IdempotencyRepository,
  ],
  exports: [
    InstallationsRepository,
    InstallationEventsRepository,
    OperationsRepository,
    BeginOperationService,
    EndOperationService,
  ],
})
export class InstallationsModule {}
