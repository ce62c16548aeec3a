import { NotFoundException } from '@nestjs/common';
import { PROBLEMS, type ProblemCode } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { DatabaseUnavailable } from '../db/unavailable.ts';
import { problemAnswer, ProblemError } from './problem.ts';

const REQUEST = { id: 'r1', path: '/api/v1/x' };

describe('a problem', () => {
  it.each(Object.keys(PROBLEMS) as ProblemCode[])('%s has the status of the table', (code) => {
    const { status, body } = problemAnswer(new ProblemError(code, 'why', { action: 'what to do' }), REQUEST);
    expect([status, body.status]).toEqual([PROBLEMS[code], PROBLEMS[code]]);
    expect(body).toMatchObject({ detail: 'why', action: 'what to do', requestId: 'r1', instance: '/api/v1/x' });
  });

  it.each([
    [new DatabaseUnavailable(new Error('connect ECONNREFUSED 10.0.0.5')), 'database-unavailable', false],
    [new NotFoundException('Cannot GET /x'), 'not-found', false],
    [Object.assign(new Error('too big'), { statusCode: 413 }), 'too-large', false],
    [Object.assign(new Error('type'), { statusCode: 415 }), 'invalid-request', false],
    [Object.assign(new Error('secret inside'), { code: '22021' }), 'invalid-request', false],
    [Object.assign(new Error('secret inside'), { code: '22P05' }), 'invalid-request', false],
    [new Error('secret inside'), 'internal', true],
    ['thrown text', 'internal', true],
  ])('is made of %o', (error, code, isBug) => {
    const answer = problemAnswer(error, REQUEST);
    expect([answer.code, answer.isBug]).toEqual([code, isBug]);
    expect(JSON.stringify(answer)).not.toMatch(/secret inside|10\.0\.0\.5/);
  });

  it('does not say again all of a long address', () => {
    const long = 'x'.repeat(5_000);
    const answer = problemAnswer(Object.assign(new Error(`${long} is bad`), { statusCode: 400 }), {
      id: 'r1',
      path: long,
    });
    expect(JSON.stringify(answer.body).length).toBeLessThan(1_000);
  });

  it('says when to come back', () => {
    expect(
      problemAnswer(new ProblemError('too-many-requests', 'x', { retryAfterSeconds: 7 }), REQUEST).headers[
        'retry-after'
      ],
    ).toBe('7');
  });
});
