import { describe, expect, it } from 'vitest';
import { CLOSE_CODES } from '@steward/shared';
import { explainClose, explainFailure } from './refusals.ts';

describe('the sentence for a connection that ended', () => {
  it.each([
    [1006, '', 'The connection to hub:1 was lost; connecting again.', false],
    [
      1001,
      'restarting',
      'The hub hub:1 ended the connection: the other side is shutting down ("restarting"); connecting again.',
      false,
    ],
    [
      4403,
      CLOSE_CODES.revoked.meaning,
      'The hub hub:1 ended the connection: the cluster was revoked on the hub. Ask the vendor for a new install line for this cluster and apply it.',
      true,
    ],
    [4426, '', `The hub hub:1 ended the connection: ${CLOSE_CODES.protocol.meaning}; connecting again.`, true],
    [4999, 'x', 'The hub hub:1 ended the connection: code 4999 ("x"); connecting again.', false],
  ])('with %i %j is: %s', (code, reason, message, isSlow) => {
    expect(explainClose(code, reason, 'hub:1')).toEqual({ message, isSlow });
  });
});

describe('the sentence for a hub that cannot be reached', () => {
  const where = { hub: 'hub:1', proxy: undefined };
  const failure = (code: string): Error => Object.assign(new Error('raw text'), { code });

  it('finds the code inside what wraps it', () => {
    const wrapped = new AggregateError([failure('ECONNREFUSED')], 'all failed');
    expect(explainFailure(wrapped, where).message).toContain('nothing listens there');
    expect(explainFailure(new Error('outer', { cause: failure('ENOTFOUND') }), where).message).toContain(
      'cannot be resolved',
    );
  });

  it('gives the raw text and code of what it does not know', () => {
    expect(explainFailure(failure('EXXX'), where)).toEqual({
      message: 'The hub hub:1 cannot be reached: raw text. [EXXX]',
      isSlow: false,
    });
  });
});
