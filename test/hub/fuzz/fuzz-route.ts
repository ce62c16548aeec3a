import type { World } from '../access/world.ts';
import { withClient } from '../../support/postgres.ts';
import { callText, faultOf } from './fault.ts';
import { fingerprint } from './fingerprint.ts';
import type { RawAnswer, RawCall, RawClient } from './send-raw.ts';

const WIDTH = 8;

interface Answered {
  call: RawCall;
  answer: RawAnswer;
}

async function sendAll(client: RawClient, calls: readonly RawCall[]): Promise<Answered[]> {
  const answered: Answered[] = [];
  const waiting = calls.values();
  const work = async (): Promise<void> => {
    for (const call of waiting) answered.push({ call, answer: await client.send(call) });
  };
  await Promise.all(Array.from({ length: WIDTH }, work));
  return answered;
}

/**
 * Sends all of them, and once more those that were refused: nothing may have changed by these.
 * @returns what was wrong with answers, a line each
 */
export async function fuzzRoute(world: World, client: RawClient, calls: readonly RawCall[]): Promise<string[]> {
  const answered = await sendAll(client, calls);
  // What two of them at once got in each other's way with may go well the next time.
  const isRefused = ({ status }: RawAnswer): boolean => status >= 400 && status < 500 && status !== 409;
  const refused = answered.filter(({ answer }) => isRefused(answer)).map(({ call }) => call);
  const look = () => withClient(world.database.superuserUrl, fingerprint);
  const before = await look();
  await sendAll(client, refused);
  const after = await look();
  const changed = Object.keys(before).filter((table) => before[table] !== after[table]);
  const faults = answered.flatMap(({ call, answer }) => {
    const fault = faultOf(call, answer);
    return fault === undefined ? [] : [`${callText(call)}\n  → ${fault}`];
  });
  return [...faults, ...changed.map((table) => `a refused request has changed the table ${table}`)];
}
