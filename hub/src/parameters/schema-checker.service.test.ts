import { afterAll, describe, expect, it } from 'vitest';
import { ProblemError } from '../http/problem.ts';
import { SchemaCheckerService } from './schema-checker.service.ts';

const checker = new SchemaCheckerService();
afterAll(() => checker.beforeApplicationShutdown());

const replicas = {
  type: 'object',
  additionalProperties: false,
  properties: { replicas: { type: 'integer', minimum: 1, maximum: 5 }, size: { enum: ['small', 'large'] } },
};

describe('checking parameters against a schema of a vendor', () => {
  it('accepts what fits', async () => {
    expect(await checker.check({ key: 'a', schema: replicas, value: { replicas: 3 } })).toEqual({ kind: 'ok' });
  });

  it('names every place that does not fit', async () => {
    const result = await checker.check({
      key: 'a',
      schema: replicas,
      value: { replicas: 9, size: 'huge', image: 'x' },
    });
    expect(result).toMatchObject({ kind: 'bad-value' });
    const text = result.kind === 'ok' ? '' : result.problems.join('\n');
    expect(text).toContain('replicas: must be <= 5');
    expect(text).toContain('size: must be equal to one of the allowed values (["small","large"])');
    expect(text).toContain('must NOT have additional properties (image)');
  });

  it.each([
    ['of draft-07', 'http://json-schema.org/draft-07/schema#'],
    ['of 2020-12', 'https://json-schema.org/draft/2020-12/schema'],
  ])('reads a schema %s', async (_name, $schema) => {
    const schema = { $schema, ...replicas };
    expect(await checker.check({ key: $schema, schema, value: { replicas: 0 } })).toMatchObject({ kind: 'bad-value' });
  });

  it('never follows a reference to another document', async () => {
    const schema = { type: 'object', properties: { a: { $ref: 'https://example.com/schema.json' } } };
    const result = await checker.check({ key: 'remote', schema });
    expect(result).toMatchObject({ kind: 'bad-schema' });
    expect(result.kind === 'ok' ? '' : result.problems[0]).toContain("can't resolve reference");
  });

  it('says what is wrong with a schema that is none', async () => {
    expect(await checker.check({ key: 'none', schema: { type: 'sideways' } })).toMatchObject({ kind: 'bad-schema' });
  });

  it('gives up on a pattern that runs for ever, and works on afterwards', async () => {
    const schema = { type: 'object', properties: { name: { type: 'string', pattern: '^(a+)+$' } } };
    const evil = checker.check({ key: 'evil', schema, value: { name: `${'a'.repeat(60)}!` } });
    const good = checker.check({ key: 'a', schema: replicas, value: { replicas: 2 } });
    expect(await evil).toMatchObject({ kind: 'gave-up' });
    expect(await good).toEqual({ kind: 'ok' });
  });
});

describe('a check that cannot be made', () => {
  it('is one to come again with when the hub stops, and no fault of what was to be checked', async () => {
    const stopping = new SchemaCheckerService();
    const begun = stopping.check({ key: 'a', schema: replicas, value: { replicas: 3 } });
    const waiting = stopping
      .check({ key: 'a', schema: replicas, value: { replicas: 4 } })
      .catch((error: unknown) => error);
    await Promise.resolve();
    await stopping.beforeApplicationShutdown();
    expect(await begun).toEqual({ kind: 'ok' });
    expect(await waiting).toMatchObject({ code: 'shutting-down', options: { retryAfterSeconds: 2 } });
    await expect(stopping.check({ key: 'a', schema: replicas })).rejects.toBeInstanceOf(ProblemError);
  });

  it('is one to come again with when the thread does not start, and the next starts one', async () => {
    let starts = 0;
    const late = new SchemaCheckerService(() => {
      starts += 1;
      return Promise.resolve(undefined);
    });
    const refusal = { code: 'too-many-requests', options: { retryAfterSeconds: 5 } };
    await expect(late.check({ key: 'a', schema: replicas })).rejects.toMatchObject(refusal);
    await expect(late.check({ key: 'a', schema: replicas })).rejects.toMatchObject(refusal);
    expect(starts).toBe(2);
    await late.beforeApplicationShutdown();
  });

  it('is no reason to refuse those that come after it', async () => {
    // What no thread can be sent.
    const broken = checker.check({ key: 'a', schema: replicas, value: () => undefined });
    const next = checker.check({ key: 'a', schema: replicas, value: { replicas: 2 } });
    await expect(broken).rejects.toThrow('could not be cloned');
    expect(await next).toEqual({ kind: 'ok' });
  });
});
