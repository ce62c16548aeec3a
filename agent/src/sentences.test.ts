import { expect, it } from 'vitest';
import { sentences } from './sentences.ts';

it('ends each sentence once', () => {
  expect(sentences('the image is not there.', 'Going back')).toBe('the image is not there. Going back');
  expect(sentences('nothing is ready', 'Going back')).toBe('nothing is ready. Going back');
  expect(sentences('is it? ', 'It is\n')).toBe('is it? It is');
});
