/** JSON Schema as the OpenAPI document has it. */
export type Schema = Record<string, unknown>;

export interface DescribedRoute {
  method: string;
  /** In OpenAPI's notation: `/api/v1/users/{id}`. */
  path: string;
  query: string[];
  body: Schema | undefined;
}

interface Parameter {
  name: string;
  in: string;
}
interface Described {
  parameters?: Parameter[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}
export interface Document {
  paths: Record<string, Record<string, Described>>;
  components: { schemas: Record<string, Schema> };
}

export function routesOf({ paths }: Document): DescribedRoute[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => ({
      method: method.toUpperCase(),
      path,
      query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      body: requestBody?.content['application/json']?.schema,
    })),
  );
}

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

/** What a reference stands for. */
export function resolved(schema: Schema, document: Document): Schema {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  return document.components.schemas[reference.split('/').at(-1) ?? ''] ?? {};
}

/** The branches of a union; else the schema itself. */
export function branchesOf(schema: Schema, document: Document): Schema[] {
  const own = resolved(schema, document);
  const { anyOf } = own;
  return Array.isArray(anyOf) ? anyOf.filter(isSchema).flatMap((branch) => branchesOf(branch, document)) : [own];
}

export function propertiesOf(schema: Schema): [string, Schema][] {
  const { properties } = schema;
  return isSchema(properties)
    ? Object.entries(properties).filter((entry): entry is [string, Schema] => isSchema(entry[1]))
    : [];
}

/** Texts of which one fits most patterns of the contract. */
const TEXTS = [
  'a',
  '1.0.0',
  '20:00',
  '250m',
  '512Mi',
  'Europe/Berlin',
  'Deployment/web',
  'Deployment/web/server',
  'a@b.example',
  `sha256:${'a'.repeat(64)}`,
  `${'A'.repeat(43)}=`,
  '2026-01-01T00:00:00Z',
  '0192f0c1-5a3e-7cc0-8000-2f5f7b1f9b11',
];

function sampleText({ pattern, format, minLength }: Schema): string {
  if (format === 'uuid') return TEXTS.at(-1) ?? '';
  if (format === 'date-time') return TEXTS.at(-2) ?? '';
  const fits = new RegExp(typeof pattern === 'string' ? pattern : '', 'u');
  const found = TEXTS.find((candidate) => fits.test(candidate)) ?? 'a';
  return typeof minLength === 'number' ? found.padEnd(minLength, 'a') : found;
}

function sampleObject(schema: Schema, document: Document): Record<string, unknown> {
  const { required, additionalProperties, propertyNames, minProperties } = schema;
  const named = propertiesOf(schema).filter(([name]) => Array.isArray(required) && required.includes(name));
  const entries: [string, unknown][] = named.map(([name, inner]) => [name, sampleOf(inner, document)]);
  if (isSchema(additionalProperties) && minProperties === 1)
    entries.push([sampleText(isSchema(propertyNames) ? propertyNames : {}), sampleOf(additionalProperties, document)]);
  return Object.fromEntries(entries);
}

/** A small value that fits, or nearly. */
export function sampleOf(schema: Schema, document: Document): unknown {
  const [own = {}] = branchesOf(schema, document);
  const { type, enum: choices, minimum, minItems, items } = own;
  if ('const' in own) return own['const'];
  if (Array.isArray(choices)) return choices[0] as unknown;
  if (type === 'integer' || type === 'number') return typeof minimum === 'number' ? minimum : 1;
  if (type === 'boolean') return false;
  if (type === 'null') return null;
  if (type === 'array') return minItems === 1 && isSchema(items) ? [sampleOf(items, document)] : [];
  return type === 'string' ? sampleText(own) : sampleObject(own, document);
}
