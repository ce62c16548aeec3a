import { createParamDecorator, Headers, type ExecutionContext } from '@nestjs/common';
import { compile, type Decoded } from '@steward/shared';
import type { FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import type { TSchema } from 'typebox';
import { unstorablePlace } from '../db/storable.ts';
import { ProblemError } from './problem.ts';

export const BODY = Symbol('body');
export const QUERY = Symbol('query');
export const PARAMETERS = Symbol('parameters');
export const RAW_BODY = Symbol('raw body');
export const HEADERS = Symbol('headers');

/** A body that is not JSON: what it is, for who sends something else, and the content types it may come as; the usual one first. */
export interface RawContent {
  what: string;
  contentTypes: readonly [string, ...string[]];
}

/** Headers that a route reads, by name. */
export type HeaderSchemas = Readonly<Record<string, TSchema>>;

/** Refuses also what no column takes: altered in silence, a name would not be the one that was sent. */
export function storable<T>(decode: (value: unknown) => Decoded<T>): (value: unknown) => Decoded<T> {
  return (value) => {
    const decoded = decode(value);
    const place = decoded.ok ? unstorablePlace(decoded.value) : undefined;
    return place === undefined ? decoded : { ok: false, error: `${place} has a NUL or half a character in it` };
  };
}

/** A parameter decorator that decodes, and notes its schema on the method for the OpenAPI document. */
function decodedPart(key: symbol, schema: TSchema, read: (request: FastifyRequest) => unknown): ParameterDecorator {
  const decorate = createParamDecorator((_data: unknown, context: ExecutionContext) =>
    read(context.switchToHttp().getRequest<FastifyRequest>()),
  );
  return (target, property, index) => {
    if (property !== undefined) Reflect.defineMetadata(key, schema, target, property);
    decorate()(target, property, index);
  };
}

/** The request's body, of this schema; none is an empty object. Anything else is `invalid-request` with the place where it is wrong. */
export function DecodedBody(schema: TSchema): ParameterDecorator {
  const decode = storable(compile(schema));
  return decodedPart(BODY, schema, (request) => {
    const decoded = decode(request.body ?? {});
    if (!decoded.ok) throw new ProblemError('invalid-request', `the request body is not as expected: ${decoded.error}`);
    return decoded.value;
  });
}

/** The query's parameters, of this schema. Numbers and booleans are read from their text; parameters not named are ignored. */
export function DecodedQuery(schema: TSchema): ParameterDecorator {
  const decode = storable(compile(schema));
  return decodedPart(QUERY, schema, (request) => {
    const decoded = decode(coerce(request.query, schema));
    if (!decoded.ok) throw new ProblemError('invalid-request', `the query is not as expected: ${decoded.error}`);
    return decoded.value;
  });
}

/** The path's parameters, of this schema. What cannot be a name or an id is `not-found`, as if there were none of that name. */
export function DecodedParameters(schema: TSchema): ParameterDecorator {
  const decode = storable(compile(schema));
  return decodedPart(PARAMETERS, schema, (request) => {
    const decoded = decode(request.params);
    if (!decoded.ok) throw new ProblemError('not-found', 'there is nothing of this name here');
    return decoded.value;
  });
}

/** The request's body as an unread stream, which the handler bounds; noted for the OpenAPI document. What came as something else is `invalid-request`. */
export function RawBody(content: RawContent): ParameterDecorator {
  const decorate = createParamDecorator((_data: unknown, context: ExecutionContext) => {
    const { body } = context.switchToHttp().getRequest<FastifyRequest>();
    if (body instanceof Readable) return body;
    throw new ProblemError('invalid-request', `the body must be ${content.what}`, {
      action: `send it with content-type: ${content.contentTypes[0]}`,
    });
  });
  return (target, property, index) => {
    if (property !== undefined) Reflect.defineMetadata(RAW_BODY, content, target, property);
    decorate()(target, property, index);
  };
}

/** A header, undefined when it was not sent; noted for the OpenAPI document. The schema is what is told of it: who reads it checks it. */
export function NotedHeader(name: string, schema: TSchema): ParameterDecorator {
  return (target, property, index) => {
    if (property !== undefined) {
      const others = Reflect.getMetadata(HEADERS, target, property) as HeaderSchemas | undefined;
      Reflect.defineMetadata(HEADERS, { [name]: schema, ...others }, target, property);
    }
    Headers(name)(target, property, index);
  };
}

function propertiesOf(schema: TSchema): Record<string, { type?: unknown }> {
  return 'properties' in schema && typeof schema.properties === 'object' && schema.properties !== null
    ? { ...(schema.properties as Record<string, { type?: unknown }>) }
    : {};
}

/** Query strings know text only: reads what the schema says is a number or a boolean. Text that is neither stays, for the decoder to refuse. */
export function coerce(query: unknown, schema: TSchema): unknown {
  const given: Record<string, unknown> = typeof query === 'object' && query !== null ? { ...query } : {};
  for (const [name, { type }] of Object.entries(propertiesOf(schema))) {
    const text = given[name];
    if (typeof text !== 'string') continue;
    if ((type === 'integer' || type === 'number') && /^-?\d{1,15}(\.\d+)?$/.test(text)) given[name] = Number(text);
    if (type === 'boolean' && (text === 'true' || text === 'false')) given[name] = text === 'true';
  }
  return given;
}
