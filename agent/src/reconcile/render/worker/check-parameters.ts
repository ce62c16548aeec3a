import { Ajv, type ErrorObject } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { done, failed, type Outcome } from '../../outcome.ts';

/**
 * Checks parameters against the closed schema of a signed release. The schema comes from a chart, so this runs only
 * where time and memory are bounded. Messages name places and rules, never a value.
 */
export function checkParameters(schema: Record<string, unknown>, parameters: unknown): Outcome<void> {
  const { $schema, ...rules } = schema;
  const isNew = typeof $schema === 'string' && /2019-09|2020-12/.test($schema);
  const options = {
    strict: false,
    // Compiling the meta-schema takes ten times as long as the schema; what is wrong in this one is found when it is compiled.
    validateSchema: false,
    validateFormats: false,
    allErrors: true,
    ownProperties: true,
    logger: false as const,
  };
  const ajv = isNew ? new Ajv2020(options) : new Ajv(options);
  let validate: ReturnType<typeof ajv.compile>;
  try {
    validate = ajv.compile(rules);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return failed('invalid-parameters', `the release's schema of parameters cannot be used: ${why.slice(0, 500)}`);
  }
  if (validate(parameters)) return done(undefined);
  const errors = (validate.errors ?? []).slice(0, 5).map(lineOf);
  return failed('invalid-parameters', `the release does not allow these parameters: ${errors.join('; ')}`);
}

function lineOf({ instancePath, keyword, message, params }: ErrorObject): string {
  const place = instancePath === '' ? 'parameters' : instancePath.slice(1).replaceAll('/', '.');
  if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') {
    const name = String(params['additionalProperty'] ?? params['unevaluatedProperty']);
    return `${place === 'parameters' ? '' : `${place}.`}${name.slice(0, 100)} may not be set`;
  }
  const allowed = keyword === 'enum' ? `: ${JSON.stringify(params['allowedValues']).slice(0, 200)}` : '';
  return `${place} ${message ?? 'is wrong'}${allowed}`;
}
