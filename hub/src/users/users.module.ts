import { Module } from '@nestjs/common';
import { CustomersModule } from '../customers/customers.module.ts';
import { Passwords } from './passwords.ts';
import { UsersController } from './users.controller.ts';
import { UsersRepository } from './users.repository.ts';
import { UsersService } from './users.service.ts';

@Module({
  imports: [CustomersModule],
  controllers: [UsersController],
  providers: [Passwords, UsersRepository, UsersService],
  exports: [Passwords, UsersRepository],
})
export class UsersModule {}
