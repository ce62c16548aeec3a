import { Controller, Get, Inject, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import * as Type from 'typebox';
import { Public } from '../http/access.ts';
import { Answers } from '../http/answers.ts';
import { ProblemError } from '../http/problem.ts';
import { PageFiles } from './page-files.ts';

/** The live page: static files that know nothing; what they show comes from the REST API with the reader's own session. */
@Controller()
export class PageController {
  constructor(@Inject(PageFiles) private readonly files: PageFiles) {}

  @Get()
  @Public()
  @Answers(Type.String(), { summary: 'the live page', contentType: 'text/html' })
  async index(@Res() reply: FastifyReply): Promise<void> {
    await this.#send('index.html', reply);
  }

  @Get('page/:file')
  @Public()
  @Answers(Type.String(), { summary: 'a file of the live page', contentType: 'text/plain' })
  async file(@Param('file') name: string, @Res() reply: FastifyReply): Promise<void> {
    await this.#send(name, reply);
  }

  async #send(name: string, reply: FastifyReply): Promise<void> {
    const file = this.files.get(name);
    if (!file) throw new ProblemError('not-found', `The page has no file "${name}".`);
    await reply.header('content-type', file.contentType).header('cache-control', 'no-cache').send(file.content);
  }
}
