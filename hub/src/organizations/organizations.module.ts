import { Module } from '@nestjs/common';
import { UsersModule } from '../users/users.module.ts';
import { FirstStart } from './first-start.ts';
import { OrganizationsController } from './organizations.controller.ts';
import { OrganizationsRepository } from './organizations.repository.ts';

@Module({
  imports: [UsersModule],
  controllers: [OrganizationsController],
  providers: [OrganizationsRepository, FirstStart],
  exports: [OrganizationsRepository],
})
export class OrganizationsModule {}
