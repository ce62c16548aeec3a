import { describe, expect, it } from 'vitest';
import { checkParameters } from './check-parameters.ts';
import { masked } from '../masked.ts';

describe('parameters', () => {
  const closed = { type: 'object', additionalProperties: false, properties: { a: { enum: ['x', 'y'] } } };

  it.each([
    [closed, { a: 'x' }, undefined],
    [closed, { a: 'hunter2' }, /a must be equal to one of the allowed values: \["x","y"\]/],
    [closed, { b: 'hunter2' }, /b may not be set/],
    [{ ...closed, $schema: 'https://json-schema.org/draft/2020-12/schema' }, { a: 'y' }, undefined],
    [{ ...closed, $schema: 'http://json-schema.org/draft-07/schema#' }, { a: 'y' }, undefined],
    [{ type: 'object', properties: { a: { type: 'wrong' } } }, {}, /cannot be used/],
    [{ $ref: 'https://elsewhere.example/s.json' }, {}, /cannot be used/],
  ])('%j %j', (schema, parameters, words) => {
    const checked = checkParameters(schema, parameters);
    expect(checked.ok).toBe(words === undefined);
    if (!checked.ok && words) expect(checked.failure.message).toMatch(words);
    expect(JSON.stringify(checked)).not.toContain('hunter2');
  });
});

it('a masked message has no text of the parameters, plain or encoded', () => {
  const parameters = { a: { b: ['hunter2'] }, port: 12345, short: 'of' };
  const message = `failed at hunter2, ${Buffer.from('hunter2').toString('base64')}, 12345 of`;
  expect(masked(message, parameters)).toBe('failed at ***, ***, *** of');
});
