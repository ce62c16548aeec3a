import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import { stewardSchema } from './steward-yaml.ts';

const FILE = join(import.meta.dirname, '../../../../deploy/steward.schema.json');

it('is the schema that editors get from deploy/steward.schema.json (vitest -u writes it anew)', async () => {
  await expect(`${JSON.stringify(stewardSchema(), null, 2)}\n`).toMatchFileSnapshot(FILE);
});

it('is JSON Schema on its own', () => {
  const validate = new Ajv({ strict: false }).compile(stewardSchema());
  expect(validate({ display: { name: 'NATS' }, knobs: [{ name: 'a', path: 'b.c', options: [1, 'x'] }] })).toBe(true);
  expect(validate({ displai: {} })).toBe(false);
});
