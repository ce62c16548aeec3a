import { describe } from 'vitest';
import { chooser } from './fuzz/calls.ts';
import { describeFuzz } from './fuzz/describe-fuzz.ts';

describe('something nasty in any place of a request', () => {
  // All that is nasty is in the level `long`; here some of it in every place.
  describeFuzz(chooser(3, 20_261_129));
});
