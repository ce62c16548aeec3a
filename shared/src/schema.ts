import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { Static, TSchema } from 'typebox';

/** What became of bytes from outside: the typed value, or one line that says where it is wrong. */
export type Decoded<T> = { ok: true; value: T } | { ok: false; error: string };

export type Decoder<T> = (value: unknown) => Decoded<T>;

const TIME = /^((?!0000)\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-5]):\d\d)$/;

/** As the time is told again: of a year that has four digits, and is not 0, in UTC too. */
const EARLIEST_MS = Date.parse('0001-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-12-31T23:59:59Z');

/** A day that the month does not have is the next month's to JavaScript, and an error to PostgreSQL. */
function isTime(text: string): boolean {
  const day = TIME.exec(text)?.[1];
  const at = Date.parse(text);
  return day !== undefined && at >= EARLIEST_MS && at <= LATEST_MS && new Date(day).toISOString().startsWith(day);
}

const FORMATS: Record<string, RegExp | ((text: string) => boolean)> = {
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  'date-time': isTime,
  uri: /^[a-z][a-z0-9+.-]*:\S+$/i,
};

let compiler: Ajv | undefined;
let isCompiling = false;

/**
 * One compiler for all: each has tables of its own, and our schemas need no check against the meta-schema (in the agent that saves 0.2 s and
 * 7 MiB). A compilation that was ended in the middle, by a time limit of `node:vm` around what needed it first, has left its
 * compiler unusable: the next one is by a new one.
 */
function compiled(schema: TSchema): ValidateFunction {
  if (isCompiling) compiler = undefined;
  isCompiling = true;
  compiler ??= new Ajv({
    allErrors: false,
    strict: false,
    formats: FORMATS,
    ownProperties: true,
    meta: false,
    validateSchema: false,
    addUsedSchema: false,
  });
  const validate = compiler.compile(schema);
  isCompiling = false;
  return validate;
}

function describe(errors: ErrorObject[] | null | undefined): string {
  const first = errors?.slice(0, 3) ?? [];
  return first
    .map((error) => {
      const extra =
        error.keyword === 'additionalProperties'
          ? ` ("${String(error.params['additionalProperty'])}")`
          : error.keyword === 'enum'
            ? `: ${JSON.stringify(error.params['allowedValues'])}`
            : '';
      return `${error.instancePath || '/'} ${error.message ?? 'is invalid'}${extra}`;
    })
    .join('; ');
}

/** The branch of a union that a value means by its constants, as `kind`: what is wrong with it tells, and not what the others miss. */
function branchOf(schema: TSchema, value: unknown): TSchema | undefined {
  if (!('anyOf' in schema) || !Array.isArray(schema.anyOf) || typeof value !== 'object' || value === null)
    return undefined;
  const given: Record<string, unknown> = { ...value };
  return (schema.anyOf as (TSchema & { properties?: Record<string, { const?: unknown }> })[]).find((branch) => {
    const constants = Object.entries(branch.properties ?? {}).filter(([, { const: wanted }]) => wanted !== undefined);
    return constants.length > 0 && constants.every(([name, { const: wanted }]) => given[name] === wanted);
  });
}

/**
 * Compiles a schema into a decoder. Unknown fields are left alone unless the schema forbids them,
 * so that an older reader understands a newer writer. The schema must be our own: for schemas that
 * come from a chart use the bounded check of the side that needs it.
 */
export function compile<T extends TSchema>(schema: T): Decoder<Static<T>> {
  let validate: ValidateFunction | undefined;
  return (value) => {
    validate ??= compiled(schema);
    if (validate(value)) return { ok: true, value: value as Static<T> };
    const branch = branchOf(schema, value);
    const meant = branch === undefined ? validate : compiled(branch);
    return { ok: false, error: describe(meant(value) ? validate.errors : meant.errors) };
  };
}
