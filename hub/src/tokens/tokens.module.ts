import { Module } from '@nestjs/common';
import { CustomersModule } from '../customers/customers.module.ts';
import { TokensController } from './tokens.controller.ts';
import { TokensRepository } from './tokens.repository.ts';
import { TokensService } from './tokens.service.ts';

@Module({ imports: [CustomersModule], controllers: [TokensController], providers: [TokensRepository, TokensService] })
export class TokensModule {}
