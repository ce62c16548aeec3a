import { expect, it } from 'vitest';
import { jobView } from './job.ts';

it.each([
  ['active', 'none', []],
  ['failed', 'begun', ['FailureTarget']],
  ['failed', 'over', ['FailureTarget', 'Failed']],
  ['active', 'begun', ['SuccessCriteriaMet']],
  ['complete', 'over', ['SuccessCriteriaMet', 'Complete']],
])('a Job is %s and its end is %s when it says of itself %j', (state, end, types) => {
  const conditions = types.map((type) => ({ type, status: 'True' }));
  const metadata = { name: 'migrate', uid: 'u' };
  expect(jobView({ apiVersion: 'batch/v1', kind: 'Job', metadata, status: { conditions } })).toMatchObject({
    state,
    end,
  });
});
