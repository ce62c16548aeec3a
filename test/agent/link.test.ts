// @module-tag one-try
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { PRODUCT_VERSION, SERVER_TIME_HEADER } from '@steward/shared';
import { createTestAuthority, type TestAuthority } from '../../agent/src/testing/authority.ts';
import { problem, TestHub } from '../../agent/src/testing/test-hub.ts';
import { waitUntil } from '../support/wait-until.ts';
import { AgentHome, type AgentProcess } from './link-process.ts';

let home: AgentHome;
let authority: TestAuthority;
let hub: TestHub;

beforeAll(async () => {
  home = await AgentHome.create(inject('kubeconfig'), `link${Date.now().toString(36)}`);
  authority = await createTestAuthority();
});
afterAll(() => home.remove());
beforeEach(async () => {
  hub = new TestHub(authority);
  await hub.start();
});
afterEach(async () => {
  await home.forget();
  await hub.stop();
});

function start(env: Record<string, string> = {}): AgentProcess {
  return home.start(hub.url, { STEWARD_HUB_CA: authority.caPem, ...env });
}
function says(pattern: RegExp): Promise<string> {
  return waitUntil(
    async () => {
      const { message = '' } = await home.status();
      return pattern.test(message) ? message : undefined;
    },
    { what: `kubectl get agents says ${pattern}`, timeoutMs: 20_000 },
  );
}

describe('an agent with the shipped rights on a real cluster', () => {
  it('enrols, connects and shows it with its version, the cluster’s and the clock skew', async () => {
    const agent = start();
    const session = await hub.session();
    const hello = await session.welcome();
    expect(hello.kubernetesVersion).toMatch(/^v1\.\d+/);
    expect(hello.clusterUid).toBe((await namespaceUid('kube-system')) ?? 'none');
    await says(/^Connected to 127\.0\.0\.1:\d+ as cluster production/);
    expect(await home.status()).toMatchObject({
      connected: true,
      version: PRODUCT_VERSION,
      kubernetesVersion: hello.kubernetesVersion,
      clusterName: 'production',
    });
    expect((await home.status()).clockSkewMs).toBeLessThan(1_000);
    const table = await home.kubectl(['-n', home.namespace, 'get', 'agents']);
    expect(table).toMatch(
      /CONNECTED +VERSION +KUBERNETES +LAST CONNECTED +MESSAGE +PROBLEMS\n.*true +0\.1\.0 +v1\..*Connected to/,
    );
    expect(agent.log).not.toContain('a-token-that-is-long-enough');
    expect(agent.log).not.toContain('PRIVATE KEY');
  });

  it('says why it is not connected: token, authority, address, clock', async () => {
    hub.onEnrol = () => problem('token-expired', 'the enrolment token expired at noon');
    await withAgent({}, /^The enrolment token expired at noon\.$/);
    await withAgent({ STEWARD_ENROLMENT_TOKEN: '' }, /no identity and no enrolment token/);
    await withAgent({ STEWARD_HUB_CA: '' }, /not from an authority this agent trusts/);
    await withAgent({ STEWARD_HUB_URL: 'https://127.0.0.1:1' }, /nothing listens there/);
    hub.onEnrol = new TestHub().onEnrol;
    const headers = { [SERVER_TIME_HEADER]: new Date(Date.now() + 7_200_000).toISOString() };
    hub.onUpgrade = () => problem('clock-skew', 'it differs', headers);
    await withAgent({}, /clock is wrong, and did not accept the corrected time/);
  });

  it('lives through an absence of the hub and shows both sides of it', async () => {
    const agent = start();
    await (await hub.session()).welcome();
    await says(/^Connected/);
    const { port } = hub;
    await hub.stop();
    await says(/nothing listens there/);
    expect(await home.status()).toMatchObject({ connected: false });
    hub = new TestHub(authority);
    await hub.start(port);
    await (await waitForSession()).welcome();
    await says(/^Connected/);
    expect(agent.isRunning).toBe(true);
    expect(hub.enrolments).toEqual([]);
  });

  it('is back within moments after SIGKILL, as itself', async () => {
    const first = start();
    await (await hub.session()).welcome();
    await says(/^Connected/);
    await first.kill();
    start();
    await hub.session(1);
    expect(hub.enrolments).toHaveLength(1);
  });

  it('leaves the connection to one of two replicas, and hands it over when that one stops', async () => {
    const first = start();
    await (await hub.session()).welcome();
    const second = start({ STEWARD_REPLICA: 'pod-2' });
    await waitUntil(() => second.log.includes('waiting for the lease'), { what: 'the second replica waits' });
    expect(await first.stop()).toBe(0);
    await hub.session(1);
    expect(hub.sessions[0]?.closedWith?.code).toBe(1001);
    expect(hub.sessions).toHaveLength(2);
  });

  it('ends at once with every wrong setting in one line', async () => {
    const agent = start({
      STEWARD_ORGANIZATION: 'Not A Slug',
      STEWARD_HUB_URL: 'http://hub.example',
      STEWARD_LOG_LEVEL: 'loud',
    });
    await waitUntil(() => !agent.isRunning, { what: 'the agent ends' });
    expect(agent.log).toMatch(/organization: .*; logLevel: .*; hub-url: http:\/\/hub.example is not encrypted/);
  });

  // The last one: from here on each start waits for the right that is gone.
  it('takes another uid where the customer did not grant kube-system’s, once that is certain', async () => {
    await home.kubectl(['-n', 'kube-system', 'delete', 'rolebinding', `steward-agent-${home.namespace.slice(8)}`]);
    start();
    const { clusterUid } = (await (await waitForSession()).frame('hello')).b;
    expect(clusterUid).toBe(await namespaceUid(home.namespace));
  });
});

async function withAgent(env: Record<string, string>, expected: RegExp): Promise<void> {
  start(env);
  await says(expected);
  expect((await home.status()).connected).toBe(false);
  await home.forget();
}

/** The agent may be in the middle of a longer pause, or not certain yet. */
function waitForSession() {
  return waitUntil(() => hub.sessions[0], { what: 'the agent connects again', timeoutMs: 30_000 });
}

async function namespaceUid(name: string): Promise<string | undefined> {
  const ref = await home.kube.resourceOf('v1', 'Namespace');
  return ref && (await home.kube.get(ref, undefined, name))?.metadata.uid;
}
