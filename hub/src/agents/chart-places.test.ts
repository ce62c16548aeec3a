import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { ChartPlaces } from './chart-places.ts';

const tooMany = 'too many charts are being sent';

it('a cluster has two places, and does not use up those of others', async () => {
  const places = new ChartPlaces();
  const [first, second, others] = [new PassThrough(), new PassThrough(), new PassThrough()];
  places.take(first, 'a');
  places.take(second, 'a');
  expect(() => places.take(new PassThrough(), 'a')).toThrow(tooMany);
  places.take(others, 'b');
  first.destroy();
  await once(first, 'close');
  const third = new PassThrough();
  places.take(third, 'a');
  for (const answer of [second, third, others]) answer.destroy();
});

it('all together have sixteen', () => {
  const places = new ChartPlaces();
  const answers = Array.from({ length: 16 }, () => new PassThrough());
  answers.forEach((answer, index) => places.take(answer, `cluster ${index}`));
  expect(() => places.take(new PassThrough(), 'another')).toThrow(tooMany);
  for (const answer of answers) answer.destroy();
});

it('an answer that nobody reads is ended after a while', async () => {
  const places = new ChartPlaces(20);
  const answer = new PassThrough();
  places.take(answer, 'a');
  await once(answer, 'close');
  expect(answer.destroyed).toBe(true);
});
