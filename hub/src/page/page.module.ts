import { Module } from '@nestjs/common';
import { PageFiles } from './page-files.ts';
import { PageController } from './page.controller.ts';

@Module({ controllers: [PageController], providers: [PageFiles] })
export class PageModule {}
