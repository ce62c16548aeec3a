import { Module } from '@nestjs/common';
import { CustomersModule } from '../customers/customers.module.ts';
import { OrganizationsModule } from '../organizations/organizations.module.ts';
import { UsersModule } from '../users/users.module.ts';
import { IdentityService } from './identity.service.ts';
import { OwnPasswordService } from './own-password.service.ts';
import { SessionsController } from './sessions.controller.ts';
import { SessionsRepository } from './sessions.repository.ts';
import { SessionsService } from './sessions.service.ts';

/** Logging in and out, and who one is. (`sessions/` is about agents' sessions.) */
@Module({
  imports: [CustomersModule, OrganizationsModule, UsersModule],
  controllers: [SessionsController],
  providers: [IdentityService, OwnPasswordService, SessionsRepository, SessionsService],
})
export class IdentityModule {}
