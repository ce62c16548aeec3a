import { Injectable } from '@nestjs/common';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

interface PageFile {
  contentType: string;
  content: Buffer;
}

const CONTENT_TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

/** hub/console, seen from hub/dist/page. */
const CONSOLE = join(import.meta.dirname, '..', '..', 'console');

/** The live page's files, read once at start; a request can only name one of them. */
@Injectable()
export class PageFiles {
  readonly #files = new Map<string, PageFile>();

  constructor() {
    for (const folder of ['public', 'dist']) {
      for (const name of readdirSync(join(CONSOLE, folder))) {
        const contentType = CONTENT_TYPES[extname(name)];
        if (contentType) this.#files.set(name, { contentType, content: readFileSync(join(CONSOLE, folder, name)) });
      }
    }
  }

  get(name: string): PageFile | undefined {
    return this.#files.get(name);
  }
}
