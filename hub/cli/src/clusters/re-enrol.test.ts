import { afterEach, expect, it } from 'vitest';
import { runSteward } from '../program/program.ts';
import { cluster, ids } from '../testing/fleet.ts';
import { startTestHub, type TestHub } from '../testing/test-hub.ts';
import { testTerminal } from '../testing/test-terminal.ts';

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

async function reEnrol(found: Partial<ReturnType<typeof cluster>>, ...flags: string[]) {
  hub = await startTestHub({
    'GET /clusters': () => ({ items: [cluster(found)] }),
    [`POST /clusters/${ids.cluster}/re-enrolment`]: () => cluster(),
  });
  const terminal = testTerminal({ env: { STEWARD_URL: hub.url, STEWARD_TOKEN: 'secret-token' } });
  const code = await runSteward(['cluster', 're-enrol', 'prod', ...flags], terminal);
  const post = hub.requests.find(({ method }) => method === 'POST');
  return { code, terminal, sent: post && (JSON.parse(post.body.toString()) as unknown) };
}

const refusedCopy = { clusterUid: 'uid-of-the-new-place', at: '2026-11-21T12:00:00.000Z' };

it('confirms the place that was refused, by its uid', async () => {
  const { code, terminal, sent } = await reEnrol({ refusedCopy }, '--yes');
  expect([code, sent]).toEqual([0, { clusterUid: 'uid-of-the-new-place' }]);
  expect(terminal.stderr()).toContain('dialled from another Kubernetes cluster, uid-of-the-new-place');
});

it('asks first, and has nothing to confirm where nothing was refused', async () => {
  const asked = await reEnrol({ refusedCopy });
  expect([asked.code, asked.sent]).toEqual([2, undefined]);
  await hub?.stop();
  const nothing = await reEnrol({}, '--yes');
  expect([nothing.code, nothing.sent]).toEqual([6, undefined]);
  expect(nothing.terminal.stderr()).toContain('Start the agent in the new place');
});
