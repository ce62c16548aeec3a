import type { Installation, Operation } from '@steward/shared';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FakeAgent } from '../support/fake-agent.ts';
import { startFleet, type Fleet } from '../hub/fleet/world.ts';
import { waitUntil } from '../support/wait-until.ts';
import { openPage, overflow, picture, startBrowser, type WatchedPage } from './browser.ts';

/** A refused login and a hub that is gone are said by the browser itself, too. */
const SAID_BY_THE_BROWSER = /^Failed to load resource/;
const HOSTILE = `<img src=x onerror="alert('message')"><script>alert(1)</script>`;
const LONG = 'as-long-a-name-as-anyone-may-ever-giveit';

let fleet: Fleet;
let browser: Browser;
let watched: WatchedPage;
let page: Page;
let ownerPassword: string;
beforeAll(async () => {
  [fleet, browser] = await Promise.all([startFleet(), startBrowser()]);
  ownerPassword = fleet.running.hub.ownerPassword ?? '';
});
afterAll(async () => {
  await browser?.close();
  await fleet?.end();
});
beforeEach(async () => {
  watched = await openPage(browser);
  page = watched.page;
});
afterEach(() => page.context().close());

async function logIn(): Promise<void> {
  await page.goto(fleet.running.hub.url);
  await page.getByLabel('E-mail').fill(fleet.running.hub.ownerEmail);
  await page.getByLabel('Password').fill(ownerPassword);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.locator('#feed', { hasText: 'live' }).waitFor();
  await page.getByRole('heading', { name: 'Installations' }).waitFor();
}
function card(name: string): Locator {
  return page.locator(`[data-installation="${name}"]`);
}
function complaints(): string[] {
  return watched.complaints.filter((text) => !SAID_BY_THE_BROWSER.test(text));
}

interface Running {
  agent: FakeAgent;
  installation: Installation;
  operationId: string;
}
async function installed(name: string): Promise<Running> {
  const { cluster, agent } = await fleet.connected();
  await fleet.publish(`1.0.${Math.floor(Math.random() * 1e6)}`);
  const { installation, operation } = await fleet.install(cluster.name, { name });
  await agent.waitFor('desired', ({ b }) => b.operation.id === operation.id);
  return { agent, installation, operationId: operation.id };
}
function report(
  { agent, installation }: Running,
  revision: number,
  health: 'healthy' | 'unhealthy',
  message = '',
): void {
  const reasons = health === 'healthy' ? [] : [{ code: 'CrashLoopBackOff', object: 'Pod/nats-0', message }];
  const workloads = [{ kind: 'StatefulSet', name: 'nats', health, ready: 1, wanted: 3 }];
  const set = { [installation.id]: { health, reasons, workloads, since: new Date().toISOString() } };
  agent.send({ t: 'health', b: { revision, full: false, set, delete: [] } });
}

describe('a person who opens the page', () => {
  it('hears why a wrong password is refused, keeps the address typed, and gets in with the right one', async () => {
    await page.goto(fleet.running.hub.url);
    await page.getByLabel('E-mail').fill(fleet.running.hub.ownerEmail);
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    expect(await page.getByRole('alert').textContent()).toBe(
      'The e-mail address or the password is wrong. Check both; when the password is lost, an owner gives you a new one.',
    );
    expect(await page.getByLabel('E-mail').inputValue()).toBe(fleet.running.hub.ownerEmail);
    await picture(page, 'login-refused');
    await page.getByLabel('Password').fill(ownerPassword);
    await page.keyboard.press('Enter');
    await page.getByText('Acme').waitFor();
    expect(complaints()).toEqual([]);
  });

  it('reads what to do first where there is nothing yet, and is gone after logging out', async () => {
    await logIn();
    await page.getByText('steward install SERVICE').waitFor();
    await page.getByText('steward cluster create').waitFor();
    await picture(page, 'empty');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    await page.reload();
    await page.getByLabel('Password').waitFor();
    expect(await page.locator('#main').textContent()).not.toContain('Installations');
    expect(complaints()).toEqual([]);
  });

  it('is asked to log in again when the session has ended elsewhere', async () => {
    await logIn();
    const token = await page.evaluate<string>(`sessionStorage.getItem('steward.token')`);
    await fleet.owner.as(token).call('DELETE', '/sessions/current');
    await page.reload();
    await page.getByText('The session has ended').waitFor();
    expect(complaints()).toEqual([]);
  });
});

describe('without a reload', () => {
  it('an installation appears, its operation moves through the phases, and its health changes at once', async () => {
    await logIn();
    const running = await installed('orders');
    await card('orders').getByText('install 1.0').waitFor();
    const phase = card('orders').locator('[aria-current=step]');
    for (const now of ['verify', 'plan', 'apply', 'roll-out', 'settle'] as const) {
      running.agent.result(running.operationId, { state: 'running', phase: now, message: `now: ${now}` });
      await phase.filter({ hasText: now }).waitFor();
      await card('orders').getByText(`now: ${now}`).waitFor();
    }
    await picture(page, 'operation-under-way');
    running.agent.result(running.operationId, { state: 'succeeded' });
    await card('orders').locator('[data-state=succeeded]').waitFor();
    expect(await phase.count()).toBe(0);

    report(running, 1, 'healthy');
    await card('orders').locator('.badge.healthy').waitFor();
    const sentAt = Date.now();
    report(running, 2, 'unhealthy', 'the container ended with 1, eleven times');
    await card('orders').locator('.badge.unhealthy').waitFor();
    expect(Date.now() - sentAt).toBeLessThan(2_000);
    await card('orders').getByText('eleven times').waitFor();
    await waitUntil(async () => /^\d+ unhealthy/.test(await page.title()), { what: 'the title says it' });
    expect(watched.loads()).toBe(1);
    expect(complaints()).toEqual([]);
  });

  it('an installation says that it is stopped or scaled, and no longer when it runs as released', async () => {
    await logIn();
    const { agent, installation, operationId } = await installed('quiet');
    await agent.carryOut(operationId);
    const state = { generation: 1, observedGeneration: 1, state: 'running' as const };
    agent.send({ t: 'observed', b: { revision: 1, full: true, set: { [installation.id]: state }, delete: [] } });
    agent.event();
    await agent.acked();
    const path = `/installations/${installation.id}/operations`;
    const kept = card('quiet').locator('.badge.kept');
    for (const [body, text] of [
      [{ kind: 'scale', replicas: { 'StatefulSet/nats': 5 } }, 'StatefulSet/nats at 5'],
      [{ kind: 'stop' }, 'stopped, StatefulSet/nats at 5'],
    ] as const) {
      const { id } = await fleet.owner.post<Operation>(path, body);
      await agent.waitFor('desired', ({ b }) => b.operation.id === id);
      await agent.carryOut(id);
      await kept.getByText(text, { exact: true }).waitFor();
      await card('quiet').getByText(body.kind, { exact: true }).waitFor();
    }
    await picture(page, 'stopped');
    const { id } = await fleet.owner.post<Operation>(path, { kind: 'start' });
    await agent.waitFor('desired', ({ b }) => b.operation.id === id);
    await agent.carryOut(id);
    await kept.getByText('StatefulSet/nats at 5', { exact: true }).waitFor();
    expect(complaints()).toEqual([]);
  });

  it('what a person has selected stays selected while other things change', async () => {
    const [one, other] = [await installed('one'), await installed('other')];
    report(one, 1, 'unhealthy', 'a message to copy');
    await logIn();
    await card('one').getByText('a message to copy').selectText();
    report(other, 1, 'unhealthy', 'something else');
    await card('other').getByText('something else').waitFor();
    expect(await page.evaluate('getSelection().toString()')).toContain('a message to copy');
  });

  it('a page opened while the hub is away waits for it', async () => {
    await logIn();
    const stuck = Promise.withResolvers<void>();
    await page.route('**/api/v1/me', async (route) => {
      await route.abort('connectionrefused');
      stuck.resolve();
    });
    await page.reload();
    await stuck.promise;
    await page.getByText('Trying again').waitFor();
    await page.unroute('**/api/v1/me');
    await page.getByRole('heading', { name: 'Installations' }).waitFor();
  });
});

describe('text from a cluster', () => {
  it('is shown as text, however hostile', async () => {
    const running = await installed('hostile');
    await logIn();
    running.agent.result(running.operationId, { state: 'running', phase: 'apply', message: `operation ${HOSTILE}` });
    report(running, 1, 'unhealthy', `reason ${HOSTILE}`);
    await card('hostile').getByText(`operation ${HOSTILE}`).waitFor();
    await card('hostile').getByText(`reason ${HOSTILE}`).waitFor();
    expect(await page.locator('#main img, #main script').count()).toBe(0);
    expect(complaints()).toEqual([]);
  });

  it('and a script that gets into the page all the same is refused by its content security policy', async () => {
    await logIn();
    await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'document.title = "taken over"';
      document.body.append(script);
    })()`);
    await waitUntil(() => watched.complaints.some((text) => text.includes('script-src')), { what: 'it is refused' });
    expect(await page.title()).not.toBe('taken over');
  });

  it.each([360, 1280])('fits %i pixels, however long', async (width) => {
    await page.setViewportSize({ width, height: 800 });
    const name = `${LONG.slice(0, -4)}${width}`;
    const running = await installed(name);
    await logIn();
    const message = `${'x'.repeat(400)} https://registry.example/${'path/'.repeat(40)}`;
    running.agent.result(running.operationId, { state: 'running', phase: 'roll-out', message });
    report(running, 1, 'unhealthy', message);
    await card(name).locator('.badge.unhealthy').waitFor();
    await card(name).locator('[aria-current=step]', { hasText: 'roll-out' }).waitFor();
    await picture(page, `long-${width}`);
    expect(await overflow(page)).toBe(0);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    expect(await overflow(page)).toBe(0);
  });
});

describe('when the hub is killed', { tags: ['one-try'] }, () => {
  it('the page comes back after the hub was killed, and shows what happened meanwhile', async () => {
    const running = await installed('killed');
    running.agent.result(running.operationId, { state: 'running', phase: 'apply' });
    report(running, 1, 'healthy');
    await logIn();
    await card('killed').locator('[aria-current=step]', { hasText: 'apply' }).waitFor();
    const { port } = new URL(fleet.running.hub.url);
    await fleet.running.hub.kill();
    await page.locator('#feed', { hasText: 'reconnecting' }).waitFor();
    expect(await card('killed').isVisible()).toBe(true);
    running.agent.result(running.operationId, { state: 'succeeded', message: 'it went well' });
    await fleet.running.restart({ listen: `127.0.0.1:${port}` });
    await running.agent.connect();
    running.agent.resend();
    report(running, 2, 'unhealthy', 'while nobody looked');
    await card('killed').getByText('it went well').waitFor();
    await card('killed').getByText('while nobody looked').waitFor();
    await page.locator('#feed', { hasText: 'live' }).waitFor();
    running.agent.send({ t: 'health', b: { revision: 3, full: true, set: {}, delete: [] } });
    await card('killed').locator('.badge.unknown').waitFor();
    expect(watched.loads()).toBe(1);
    expect(complaints()).toEqual([]);
  });
});
