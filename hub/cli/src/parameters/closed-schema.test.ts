import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import type { Values } from '../values-path.ts';
import { closedSchemaAt } from './closed-schema.ts';

function closed(root: Values, path: string): Values {
  const result = closedSchemaAt(root, path);
  if (!result.ok) throw new Error(result.problem.message);
  return result.schema;
}

function refusal(root: Values, path: string): { message: string; path: readonly (string | number)[] } {
  const result = closedSchemaAt(root, path);
  if (result.ok) throw new Error('was not refused');
  return result.problem;
}

describe('closing a values schema', () => {
  it('lets nothing through that is not described, however deep', () => {
    const root = {
      properties: {
        storage: {
          type: 'object',
          required: ['class'],
          properties: {
            size: { type: 'string' },
            tuning: { type: 'object', properties: { cache: { type: 'integer' } } },
          },
        },
      },
    };
    const isValid = new Ajv().compile(closed(root, 'storage'));
    expect(isValid({ size: '10Gi', tuning: { cache: 1 } })).toBe(true);
    expect(isValid({ class: 'fast' })).toBe(false);
    expect(isValid({ tuning: { command: 'rm' } })).toBe(false);
  });

  it('follows local references and keeps what stands beside them', () => {
    const root = {
      $defs: { size: { type: 'string', pattern: '^[0-9]+Gi$' } },
      properties: { storage: { $ref: '#/$defs/size', description: 'of each server' } },
    };
    expect(closed(root, 'storage')).toEqual({ type: 'string', pattern: '^[0-9]+Gi$', description: 'of each server' });
  });

  it('keeps maps whose values are described, and what items of a list require', () => {
    const root = {
      properties: {
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        users: {
          type: 'array',
          items: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } },
        },
      },
    };
    expect(closed(root, 'labels')['additionalProperties']).toEqual({ type: 'string' });
    expect(closed(root, 'users')['items']).toMatchObject({ required: ['name'], additionalProperties: false });
  });

  it.each<[string, Values, string]>([
    ['an open object', { type: 'object' }, 'may hold anything'],
    ['an open object on purpose', { type: 'object', additionalProperties: true }, 'may hold anything'],
    ['an open list', { type: 'array' }, 'list that may hold anything'],
    ['no type', { description: 'x' }, 'nothing about its type'],
    ['a pattern of names', { type: 'object', patternProperties: { '^x': {} } }, '"patternProperties"'],
    ['all of several', { type: 'object', allOf: [{}] }, '"allOf"'],
    ['a condition', { type: 'string', if: {}, else: {} }, '"if"'],
    ['another file', { $ref: 'https://example.com/schema.json' }, 'not inside this file'],
    ['itself', { $ref: '#/properties/value' }, 'refers to itself'],
    ['an open branch', { anyOf: [{ type: 'string' }, { type: 'object' }] }, 'may hold anything'],
  ])('refuses %s', (_name, value, message) => {
    expect(refusal({ properties: { value } }, 'value').message).toContain(message);
  });

  it('says where in the schema the trouble is', () => {
    const root = { properties: { a: { type: 'object', properties: { b: { type: 'array' } } } } };
    expect(refusal(root, 'a').path).toEqual(['properties', 'a', 'properties', 'b']);
  });

  it('says when the value is not described', () => {
    expect(refusal({ properties: {} }, 'a.b').message).toBe('does not describe a.b');
  });
});
