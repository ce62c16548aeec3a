import { Module } from '@nestjs/common';
import { InstallationsModule } from '../installations/installations.module.ts';
import { RecoveryRepository } from './recovery.repository.ts';
import { RecoveryService } from './recovery.service.ts';

@Module({
  imports: [InstallationsModule],
  providers: [RecoveryRepository, RecoveryService],
  exports: [RecoveryService],
})
export class RecoveryModule {}
