import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parentPort } from 'node:worker_threads';
import type { SchemaCheckReply, SchemaCheckRequest } from './schema-check.ts';

/** Compiled schemas by their key; the oldest goes first. */
const compiled = new Map<string, ValidateFunction>();
const MAX_COMPILED = 50;

/** No schema is ever fetched: a reference to another document does not resolve, which is an error. */
const OPTIONS = { strict: false, allErrors: true, logger: false, validateFormats: false, ownProperties: true } as const;

function compileSchema(schema: Record<string, unknown>): ValidateFunction {
  const { $schema, ...rest } = schema;
  const isNew = typeof $schema === 'string' && /2019-09|2020-12/.test($schema);
  const ajv = isNew ? new Ajv2020(OPTIONS) : new Ajv(OPTIONS);
  return ajv.compile(rest);
}

function validatorOf({ key, schema }: SchemaCheckRequest): ValidateFunction {
  let validate = compiled.get(key);
  if (validate) return validate;
  validate = compileSchema(schema);
  const [oldest] = compiled.keys();
  if (compiled.size >= MAX_COMPILED && oldest !== undefined) compiled.delete(oldest);
  compiled.set(key, validate);
  return validate;
}

function problemsOf(validate: ValidateFunction): string[] {
  const lines = (validate.errors ?? []).map(({ instancePath, message, keyword, params }) => {
    const place = instancePath.replaceAll('/', '.').replace(/^\./, '') || 'the parameters';
    const extra = Object.values(params).find((value) => typeof value === 'string');
    const named = keyword === 'additionalProperties' || keyword === 'enum' || keyword === 'const';
    const values = keyword === 'enum' ? JSON.stringify(params['allowedValues']) : (extra ?? '');
    return `${place}: ${message ?? 'is invalid'}${named ? ` (${values})` : ''}`.slice(0, 300);
  });
  return [...new Set(lines)].slice(0, 10);
}

function check(request: SchemaCheckRequest): SchemaCheckReply {
  let validate: ValidateFunction;
  try {
    validate = validatorOf(request);
  } catch (error) {
    return { kind: 'bad-schema', problems: [error instanceof Error ? error.message : String(error)] };
  }
  if (!('value' in request) || validate(request.value)) return { kind: 'ok' };
  return { kind: 'bad-value', problems: problemsOf(validate) };
}

parentPort?.on('message', (request: SchemaCheckRequest) => {
  parentPort?.postMessage(check(request));
});

parentPort?.postMessage('ready');
