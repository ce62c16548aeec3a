import { Module } from '@nestjs/common';
import { SessionRegistry } from './session-registry.ts';

@Module({
  providers: [{ provide: SessionRegistry, useFactory: () => new SessionRegistry() }],
  exports: [SessionRegistry],
})
export class SessionsModule {}
