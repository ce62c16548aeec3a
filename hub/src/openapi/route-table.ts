import { Injectable, RequestMethod } from '@nestjs/common';
import { DiscoveryService, MetadataScanner } from '@nestjs/core';
import { compile } from '@steward/shared';
import * as Type from 'typebox';
import type { TSchema } from 'typebox';
import { ACCESS, type Access } from '../http/access.ts';
import { ANSWER, type Answer } from '../http/answers.ts';
import { BODY, HEADERS, PARAMETERS, QUERY, RAW_BODY, type HeaderSchemas, type RawContent } from '../http/decoded.ts';

/** One route as its decorators describe it. Paths in Nest's notation, `/api/v1/users/:id`. */
export interface Route {
  method: string;
  path: string;
  /** `UsersController.list` */
  name: string;
  access: Access | undefined;
  answer: Answer | undefined;
  body?: TSchema;
  query?: TSchema;
  parameters?: TSchema;
  rawBody?: RawContent;
  headers?: HeaderSchemas;
}

const decodePath = compile(Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1, maxItems: 1 })]));

function pathOf(value: unknown): string {
  const decoded = decodePath(value ?? '');
  if (!decoded.ok) throw new Error(`a route needs exactly one path: ${decoded.error}`);
  return typeof decoded.value === 'string' ? decoded.value : (decoded.value[0] ?? '');
}

/** Every route of every controller, read from the decorators once the modules are loaded. */
@Injectable()
export class RouteTable {
  constructor(
    private readonly discovery: DiscoveryService,
    private readonly scanner: MetadataScanner,
  ) {}

  routes(): Route[] {
    return this.discovery.getControllers().flatMap(({ metatype, instance }) => {
      const prototype: unknown = Object.getPrototypeOf(instance);
      if (typeof metatype !== 'function' || typeof prototype !== 'object' || prototype === null) return [];
      const base = pathOf(Reflect.getMetadata('path', metatype));
      return this.scanner
        .getAllMethodNames(prototype)
        .map((name) => routeOf(metatype.name, prototype, name, base))
        .filter((route) => route !== undefined);
    });
  }

  /** @throws Error that names every route without `@Allow` or `@Public`, or without `@Answers` */
  check(): void {
    const wrong = this.routes().filter(({ access, answer }) => access === undefined || answer === undefined);
    if (wrong.length === 0) return;
    const names = wrong.map(({ method, path, name }) => `${method} ${path} (${name})`);
    throw new Error(`each route needs @Allow or @Public, and @Answers: ${names.join(', ')}`);
  }
}

function routeOf(controller: string, prototype: object, name: string, base: string): Route | undefined {
  const handler: unknown = Reflect.get(prototype, name);
  if (typeof handler !== 'function') return undefined;
  const method: unknown = Reflect.getMetadata('method', handler);
  if (typeof method !== 'number') return undefined;
  const path = [base, pathOf(Reflect.getMetadata('path', handler))]
    .map((part) => part.replace(/^\/|\/$/g, ''))
    .filter((part) => part !== '')
    .join('/');
  const noted = (key: symbol): unknown => Reflect.getMetadata(key, prototype, name);
  const [body, query, parameters] = [BODY, QUERY, PARAMETERS].map((key) => noted(key) as TSchema | undefined);
  const rawBody = noted(RAW_BODY) as RawContent | undefined;
  const headers = noted(HEADERS) as HeaderSchemas | undefined;
  return {
    method: RequestMethod[method] ?? 'GET',
    path: `/${path}`,
    name: `${controller}.${name}`,
    access: Reflect.getMetadata(ACCESS, handler) as Access | undefined,
    answer: Reflect.getMetadata(ANSWER, handler) as Answer | undefined,
    ...(body ? { body } : {}),
    ...(query ? { query } : {}),
    ...(parameters ? { parameters } : {}),
    ...(rawBody ? { rawBody } : {}),
    ...(headers ? { headers } : {}),
  };
}
