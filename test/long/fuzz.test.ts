import { describe } from 'vitest';
import { everyOne } from '../hub/fuzz/calls.ts';
import { describeFuzz } from '../hub/fuzz/describe-fuzz.ts';

describe('everything nasty in every place of a request', () => {
  describeFuzz(everyOne);
});
