import { afterEach, beforeEach, expect, it } from 'vitest';
import { KubeError } from '../../../kube/error.ts';
import { createLog } from '../../../log.ts';
import {
  FIRST_STATUS,
  type OperationRecord,
  type OperationStatus,
} from '../../../operations/journal/operation-object.ts';
import { statusAfter, type Move } from '../../../operations/journal/transition.ts';
import { ApiWaits } from './api-waits.ts';

const START_MS = Date.parse('2026-01-01T00:00:00Z');
const PLANNING = { state: 'accepted', phase: 'plan', message: 'comparing with what runs' } as const;

let nowMs: number;
let status: OperationStatus;
let said: string[];
let waits: ApiWaits;

/** As the journal does: what is to be said is asked for when its turn has come. */
async function say(_record: OperationRecord, moveOf: (status: OperationStatus) => Move | undefined): Promise<void> {
  const move = moveOf(status);
  if (!move) return;
  status = statusAfter(status, move, new Date(START_MS + nowMs));
  said.push(move.message);
}

beforeEach(() => {
  nowMs = 0;
  said = [];
  status = statusAfter(FIRST_STATUS, PLANNING, new Date(START_MS));
  waits = new ApiWaits({
    record: {} as OperationRecord,
    journal: { say },
    now: () => new Date(START_MS + nowMs),
    log: createLog({ write: () => {} }),
    monotonic: () => nowMs,
  });
});
afterEach(() => waits.stop());

const dead = new KubeError('GET /apis/x: service unavailable', { status: 503, reason: 'ServiceUnavailable' });
const failing = (what = 'reading Gadget/a', error: Error = dead): Promise<void> =>
  waits.observe(what, async () => Promise.reject(error)).catch(() => undefined);

async function at(seconds: number): Promise<void> {
  nowMs = seconds * 1_000;
  waits.look();
  await new Promise(setImmediate);
}

it('tells what fails, why, how often and since when, less and less often, and takes it back when it is over', async () => {
  await failing();
  await at(2.9);
  expect(said).toEqual([]);
  await failing();
  await at(3);
  const words = 'waiting for the API server of the cluster: reading Gadget/a fails, tried';
  const rest = 'since 2026-01-01T00:00:00.000Z. GET /apis/x: service unavailable';
  expect(said).toEqual([`${words} 2 times ${rest}`]);
  expect(status).toMatchObject({ state: 'accepted', phase: 'plan', reason: 'api-unavailable' });
  for (let second = 4; second <= 100; second += 1) {
    await failing();
    await at(second);
  }
  expect(said.length).toBeLessThan(8);
  await waits.observe('reading Gadget/a', async () => undefined);
  await at(101);
  expect(said.at(-1)).toBe(PLANNING.message);
  expect(status.reason).toBeUndefined();
  await at(500);
  expect(said.at(-1)).toBe(PLANNING.message);
});

it('tells of a call that is not answered', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const open = waits.observe('trying Deployment/web', () => promise);
  await at(5.9);
  expect(said).toEqual([]);
  await at(6);
  expect(said).toEqual([
    expect.stringContaining('trying Deployment/web has no answer, since 2026-01-01T00:00:00.000Z'),
  ]);
  resolve();
  await open;
  await at(7);
  expect(said.at(-1)).toBe(PLANNING.message);
});

it('says nothing about refusals, about what nobody tries any more, and about a server that cannot be written to', async () => {
  await failing('a', new KubeError('no', { status: 403, reason: 'Forbidden' }));
  await failing('b', new KubeError('gone', { status: 0, reason: 'Unreachable' }));
  await at(10);
  await failing('c');
  await at(50);
  await at(60);
  expect(said).toEqual([]);
});

it('leaves a question to a person as it is, and an end', async () => {
  status = statusAfter(status, { state: 'awaiting-approval', phase: 'approve', message: 'kubectl …' }, new Date());
  await failing();
  await at(5);
  status = statusAfter(status, { state: 'cancelled', phase: 'done', message: 'over' }, new Date());
  await failing();
  await at(10);
  expect(said).toEqual([]);
});

it('does not take back what the operation has said since', async () => {
  await failing();
  await at(4);
  expect(said).toHaveLength(1);
  status = statusAfter(status, { ...PLANNING, message: 'rendering' }, new Date());
  await waits.observe('reading Gadget/a', async () => undefined);
  await at(5);
  expect(status.message).toBe('rendering');
});
