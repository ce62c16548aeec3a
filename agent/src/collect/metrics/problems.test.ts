import { expect, it } from 'vitest';
import { Problems } from './problems.ts';

it('are told once they stay, in the same words for a while, and not any more when they are over', () => {
  const problems = new Problems();
  const look = (...errors: string[]): [boolean, string[]] => {
    for (const error of errors) problems.add('Service/web', 'page', error);
    return [problems.end(), problems.told.map(({ message }) => message)];
  };
  expect(look('first')).toEqual([false, []]);
  expect(look()).toEqual([false, []]);
  expect(look('first')).toEqual([false, []]);
  expect(look('second', 'of another pod')).toEqual([true, ['second']]);
  for (let count = 3; count < 10; count += 1) expect(look(`n${count}`)).toEqual([false, ['second']]);
  expect(look('lasting')).toEqual([true, ['lasting']]);
  expect(look()).toEqual([true, []]);
});

it('come in one order, whichever was found first', () => {
  const problems = new Problems();
  for (const order of [
    ['a', 'b'],
    ['b', 'a'],
    ['a', 'b'],
  ]) {
    for (const thing of order) problems.add('Service/web', thing, `of ${thing}`);
    problems.end();
  }
  expect(problems.told.map(({ message }) => message)).toEqual(['of a', 'of b']);
});
