import { Controller, Get } from '@nestjs/common';
import * as Type from 'typebox';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { openApi } from './openapi.ts';
import { RouteTable } from './route-table.ts';

@Controller('api/v1')
export class OpenApiController {
  #document: Record<string, unknown> | undefined;

  constructor(private readonly table: RouteTable) {}

  @Get('openapi.json')
  @Public()
  @Answers(Type.Object({}), { summary: 'this document' })
  get(): Record<string, unknown> {
    this.#document ??= openApi(this.table.routes().filter(({ path }) => path.startsWith('/api/')));
    return this.#document;
  }
}
