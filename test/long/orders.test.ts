import { randomUUID } from 'node:crypto';
import { AS_RELEASED, fieldAt, WEEKDAYS, type RunState, type Schedule } from '@steward/shared';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { remedyPermissions } from '../../hub/cli/src/checks/remedies/check-remedies.ts';
import { chartFolder } from '../charts/pack.ts';
import { helmOf, type Helm } from '../support/helm.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from '../agent/reconcile-fixture.ts';
import type { Want } from '../agent/scripted-hub.ts';

let fixture: ReconcileFixture;
let helm: Helm;
let agent: RunningAgent;
let web: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  helm = await helmOf(inject('kubeconfig'));
  const rules = { upgrade: 'allow', rollback: 'allow', restart: 'allow', scale: 'allow', uninstall: 'allow' };
  await fixture.policy({ rules });
  agent = await fixture.start();
  const change = (release: Published['release']): void => {
    const place = { kind: 'Deployment' as const, name: '${installation}' };
    const memory = { minimum: '16Mi', maximum: '128Mi' };
    const resize = { ...place, container: 'probe', cpu: { minimum: '1m', maximum: '1' }, memory };
    release.remedies = { resize: [resize], autoscale: [{ ...place, minimum: 1, maximum: 3 }] };
    release.permissions.push(...remedyPermissions(release));
  };
  web = await fixture.publish({ chart: 'web', change });
});
afterAll(async () => {
  await agent?.stop();
  await helm?.close();
  await fixture?.close();
});

const MINUTE_MS = 60_000;
/** Of a window that has been open for two hours unless told, and will be for some more. */
function openSchedule(from = Date.now() - 120 * MINUTE_MS): Schedule {
  const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16);
  const day = WEEKDAYS[(new Date(from).getUTCDay() + 6) % 7] ?? 'mon';
  return { timeZone: 'UTC', stop: [{ days: [day], from: clock(from), to: clock(from + 480 * MINUTE_MS) }] };
}

type Step = Partial<Want> & Pick<Want, 'kind'>;

class Life {
  readonly where: Where;
  #generation = 1;

  constructor(where: Where) {
    this.where = where;
  }

  static async begin(): Promise<Life> {
    return new Life(await fixture.installed(web));
  }

  /** @returns the id of the operation */
  begins(step: Step): string {
    this.#generation += 1;
    return fixture.offer({ ...this.where, release: web, generation: this.#generation, ...step });
  }

  async does(step: Step, wanted: object = { state: 'succeeded' }): Promise<void> {
    const operation = this.begins(step);
    expect(await fixture.hub.end(operation), `${this.#generation}: ${step.kind}`).toMatchObject(wanted);
  }

  pods(count: number): Promise<unknown> {
    const pods = async (): Promise<number> => {
      const path = 'jsonpath={range .items[*]}{.metadata.name} {end}';
      const names = await fixture.kubectl('get', 'pods', '-n', this.where.namespace, '-o', path);
      return names.split(' ').filter(Boolean).length;
    };
    return waitUntil(async () => (await pods()) === count, { what: `${count} pods`, timeoutMs: 30_000 });
  }

  /** Of its health, when the hub has heard of it. */
  async tells(code: string): Promise<void> {
    const reasons = (): string => JSON.stringify(fixture.hub.health[this.where.installationId]?.reasons);
    await waitUntil(() => reasons().includes(code), { what: `its health to tell ${code}`, timeoutMs: 2 * MINUTE_MS });
  }

  async status(path: string[]): Promise<unknown> {
    return fieldAt((await fixture.get('Installation', this.where.name))?.['status'], path);
  }
}

describe.concurrent('in an order that nobody thought of', () => {
  it('a schedule rests with an autoscaler, and gives it the word back', async () => {
    const life = await Life.begin();
    const workload = `Deployment/${life.where.name}`;
    const scaled: RunState = {
      ...AS_RELEASED,
      resources: { [`${workload}/probe`]: { cpuRequest: '5m' } },
      autoscale: { [workload]: { minimum: 2, maximum: 3, cpuPercent: 70 } },
    };
    await life.does({ kind: 'autoscale', runState: scaled });
    await life.pods(2);
    const both = { ...scaled, schedule: openSchedule() };
    await life.does({ kind: 'schedule', runState: both });
    await life.pods(0);
    const replicas = { [workload]: 3 };
    await life.does({ kind: 'scale', runState: { ...both, replicas } }, { state: 'failed', reason: 'autoscaled' });
    const sized = { ...both, resources: { [`${workload}/probe`]: { cpuRequest: '6m' } } };
    await life.does({ kind: 'resize', runState: sized });
    const parameters = { text: 'b' };
    await life.does({ kind: 'upgrade', runState: sized, parameters });
    await life.pods(0);
    const { schedule: _, ...off } = sized;
    await life.does({ kind: 'schedule', runState: off, parameters });
    await life.pods(2);
    expect([await life.status(['state']), await life.status(['drift'])]).toEqual(['running', undefined]);
  });

  it('what is stopped by hand in a window stays so after it, and is started once', async () => {
    const life = await Life.begin();
    const schedule = openSchedule();
    await life.does({ kind: 'schedule', runState: { ...AS_RELEASED, schedule } });
    await life.pods(0);
    await life.tells('StoppedBySchedule');
    await life.does({ kind: 'stop', runState: { ...AS_RELEASED, schedule, stopped: true } });
    await life.does({ kind: 'schedule', runState: { ...AS_RELEASED, stopped: true } });
    await life.pods(0);
    await life.tells('Stopped"');
    const parameters = { text: 'b', replicas: 2 };
    await life.does({ kind: 'upgrade', runState: { ...AS_RELEASED, stopped: true }, parameters });
    await life.does({ kind: 'rollback', toGeneration: 1, runState: { ...AS_RELEASED, stopped: true } });
    await life.pods(0);
    await life.does({ kind: 'start', runState: AS_RELEASED });
    await life.pods(1);
    expect(await life.status(['drift'])).toBeUndefined();
  });

  it('a schedule is held and told while it is not certain what runs, and kept after that', async () => {
    const life = await Life.begin();
    const runState = { ...AS_RELEASED, schedule: openSchedule(Date.now() + MINUTE_MS) };
    await life.does({ kind: 'schedule', runState });
    const bad = life.begins({ kind: 'upgrade', runState, parameters: { fault: 'unready' } });
    await fixture.hub.reach(bad, { phase: 'roll-out' });
    fixture.hub.cancel(bad, 'hold');
    expect(await fixture.hub.end(bad)).toMatchObject({ state: 'cancelled' });
    await life.tells('ScheduleHeld');
    await life.does({ kind: 'rollback', toGeneration: 2, runState });
    await life.pods(0);
    await life.tells('StoppedBySchedule');
  });

  it('what is stopped, scheduled and paused is uninstalled', async () => {
    const life = await Life.begin();
    const { name, namespace } = life.where;
    const runState = { ...AS_RELEASED, stopped: true, schedule: openSchedule() };
    await life.does({ kind: 'stop', runState });
    await fixture.kubectl('annotate', 'installation', name, '-n', fixture.namespace, 'steward.dev/paused=');
    await life.does({ kind: 'uninstall' });
    expect(await fixture.get('Deployment', name, namespace)).toBeUndefined();
    expect(await life.status(['state'])).toBe('removed');
  });

  it('what was adopted and left is adopted again, and upgraded', async () => {
    const where = fixture.installation();
    const releaseName = `old-${where.name}`;
    const options = ['--namespace', where.namespace, '--create-namespace', '--wait', '--timeout', '60s'];
    await helm.run('install', releaseName, chartFolder('web'), ...options);
    await fixture.grant(where.name, web, where.namespace, releaseName);
    const adopt = { ...where, release: web, generation: 1, kind: 'adopt' as const, releaseName };
    expect(await fixture.hub.end(fixture.offer(adopt))).toMatchObject({ state: 'succeeded' });
    expect(await fixture.hub.end(fixture.offer({ ...adopt, kind: 'leave', generation: 2 }))).toMatchObject({
      state: 'succeeded',
    });
    // To the hub it is another installation of the same name.
    const again = { ...adopt, installationId: randomUUID() };
    expect(await fixture.hub.end(fixture.offer(again))).toMatchObject({ state: 'succeeded' });
    const before = await fixture.get('Deployment', releaseName, where.namespace);
    const parameters = { text: 'b' };
    const upgrade = { ...again, kind: 'upgrade' as const, generation: 2, parameters };
    expect(await fixture.hub.end(fixture.offer(upgrade))).toMatchObject({ state: 'succeeded' });
    const after = await fixture.get('Deployment', releaseName, where.namespace);
    expect(after?.metadata.uid).toBe(before?.metadata.uid);
    expect(fieldAt(after, ['metadata', 'annotations', 'text'])).toBe('b');
    const late = { ...adopt, kind: 'upgrade' as const, generation: 3 };
    expect(await fixture.hub.end(fixture.offer(late))).toMatchObject({ state: 'failed', reason: 'conflict' });
  });
});
