import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

const BURN_MS = 300;
/** After a refusal, as from a pod that is just going. */
const PAUSE_MS = 100;

/** Keeps one processor's worth of the probes behind an address busy. Each request is on a connection of its own, so that every pod gets its share. */
export function startCpuLoad(address: string): { stop(): Promise<void> } {
  const end = new AbortController();
  const burn = async (): Promise<void> => {
    const url = `http://${address}/burn?ms=${BURN_MS}`;
    const outgoing = request(url, { method: 'POST', agent: false, signal: end.signal }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    await text(response);
  };
  const run = async (): Promise<void> => {
    while (!end.signal.aborted) await burn().catch(() => delay(PAUSE_MS));
  };
  const running = run();
  return {
    stop: () => {
      end.abort();
      return running;
    },
  };
}
