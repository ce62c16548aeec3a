import * as contract from '@steward/shared';
import type { TSchema } from 'typebox';
import type { Route } from './route-table.ts';

type Json = Record<string, unknown>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null;
}

/** Name of each schema that the contract exports, by identity: TypeBox keeps nested schemas as the same object. */
function schemaNames(): Map<unknown, string> {
  const names = new Map<unknown, string>();
  for (const [name, value] of Object.entries<unknown>({ ...contract })) {
    const isSchema = isObject(value) && (typeof value['type'] === 'string' || Array.isArray(value['anyOf']));
    if (isSchema && !names.has(value)) names.set(value, name);
  }
  return names;
}

/** Collects the named schemas that a document refers to, while it turns them into references. */
class Components {
  readonly #names = schemaNames();
  readonly schemas: Json = {};

  reference(schema: TSchema): unknown {
    return this.#rewrite(schema);
  }

  #rewrite(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item: unknown) => this.#rewrite(item));
    if (!isObject(value)) return value;
    const name = this.#names.get(value);
    if (name === undefined) return this.#members(value);
    if (!(name in this.schemas)) {
      this.schemas[name] = {};
      this.schemas[name] = this.#members(value);
    }
    return { $ref: `#/components/schemas/${name}` };
  }

  #members(value: Json): Json {
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, this.#rewrite(member)]));
  }
}

function pathParameters(route: Route, components: Components): Json[] {
  return [...route.path.matchAll(/:(\w+)/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: memberOf(route.parameters, name, components) ?? { type: 'string' },
  }));
}

function memberOf(schema: TSchema | undefined, name: string, components: Components): unknown {
  const properties: unknown = schema && 'properties' in schema ? schema.properties : undefined;
  const member = isObject(properties) ? properties[name] : undefined;
  return member === undefined ? undefined : components.reference(member as TSchema);
}

function queryParameters(route: Route, components: Components): Json[] {
  const { query } = route;
  if (!query || !('properties' in query) || !isObject(query.properties)) return [];
  const required: unknown = 'required' in query ? query.required : [];
  return Object.keys(query.properties).map((name) => ({
    name,
    in: 'query',
    required: Array.isArray(required) && required.includes(name),
    schema: memberOf(query, name, components),
  }));
}

function headerParameters({ headers = {} }: Route, components: Components): Json[] {
  return Object.entries(headers).map(([name, schema]) => ({
    name,
    in: 'header',
    required: false,
    schema: components.reference(schema),
  }));
}

function requestBody({ body, rawBody }: Route, components: Components): Json | undefined {
  if (body) return { required: true, content: { 'application/json': { schema: components.reference(body) } } };
  if (!rawBody) return undefined;
  const bytes = { schema: { type: 'string', format: 'binary' } };
  const content = Object.fromEntries(rawBody.contentTypes.map((contentType) => [contentType, bytes]));
  return { required: true, description: rawBody.what, content };
}

function responses({ answer }: Route, components: Components): Json {
  const contentType = answer?.contentType ?? 'application/json';
  const good = {
    description: answer?.summary ?? 'done',
    ...(answer?.schema ? { content: { [contentType]: { schema: components.reference(answer.schema) } } } : {}),
  };
  const statuses = [answer?.status ?? 200, ...(answer?.also ?? [])];
  return {
    ...Object.fromEntries(statuses.map((status) => [String(status), good])),
    default: { $ref: '#/components/responses/Problem' },
  };
}

function operation(route: Route, components: Components): Json {
  const { answer, access } = route;
  const parameters = [pathParameters, queryParameters, headerParameters].flatMap((of) => of(route, components));
  const body = requestBody(route, components);
  return {
    operationId: route.name.replace('Controller.', '_'),
    ...(answer?.summary === undefined ? {} : { summary: answer.summary }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body ? { requestBody: body } : {}),
    responses: responses(route, components),
    ...(access === 'public' ? { security: [] } : { 'x-roles': access }),
  };
}

/** An OpenAPI 3.1 document of these routes. Its schemas are the contract's own, under the contract's names. */
export function openApi(routes: readonly Route[]): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[route.method.toLowerCase()] = operation(route, components);
  }
  const problem = components.reference(contract.Problem);
  return {
    openapi: '3.1.0',
    info: { title: 'Steward hub', version: contract.PRODUCT_VERSION },
    security: [{ bearer: [] }],
    paths,
    components: {
      schemas: components.schemas,
      responses: {
        Problem: { description: 'what went wrong', content: { 'application/problem+json': { schema: problem } } },
      },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}
