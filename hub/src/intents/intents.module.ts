import { Module } from '@nestjs/common';
import { SessionsModule } from '../sessions/sessions.module.ts';
import { IntentsRepository } from './intents.repository.ts';
import { IntentsService } from './intents.service.ts';

@Module({ imports: [SessionsModule], providers: [IntentsRepository, IntentsService], exports: [IntentsService] })
export class IntentsModule {}
