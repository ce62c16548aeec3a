import { Module } from '@nestjs/common';
import { InstallationsModule } from '../installations/installations.module.ts';
import { SessionsModule } from '../sessions/sessions.module.ts';
import { IntentsRepository } from './intents.repository.ts';
import { IntentsService } from './intents.service.ts';
import { UnsuitedIntentsService } from './unsuited-intents.service.ts';
import { UntakenIntentsService } from './untaken-intents.service.ts';

@Module({
  imports: [SessionsModule, InstallationsModule],
  providers: [IntentsRepository, IntentsService, UnsuitedIntentsService, UntakenIntentsService],
  exports: [IntentsService, UntakenIntentsService],
})
export class IntentsModule {}
