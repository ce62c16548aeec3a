import type { InboundRecord } from '../sessions/inbound.ts';
import { ProtocolError } from './fence.ts';

/**
 * Results are durable: the agent sends them until they are acked. Of events and metrics a loss is allowed, and seen as a gap in the sequence.
 * The place in a stream of metrics is known to the session only: what comes twice is stored once by its time, and a row more for each
 * look would double what an idle agent writes.
 */
const KINDS: Readonly<Record<string, { type: string; isDurable: boolean; isCursorKept: boolean }>> = {
  results: { type: 'result', isDurable: true, isCursorKept: true },
  events: { type: 'event', isDurable: false, isCursorKept: true },
  metrics: { type: 'metrics', isDurable: false, isCursorKept: false },
};

function kindOf(stream: string): (typeof KINDS)[string] | undefined {
  const [name = ''] = stream.split('.', 1);
  return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
}

/** Whether how far the stream was committed is written down. */
export function isCursorKept(stream: string): boolean {
  return kindOf(stream)?.isCursorKept === true;
}

/**
 * Which records are new and may be stored now: those above the cursor, of a durable stream only up to the first hole.
 * @throws ProtocolError for a stream that is not of this session, or a record on the wrong one
 */
export function freshRecords(
  incarnation: string,
  cursor: number,
  { stream, records }: { stream: string; records: readonly InboundRecord[] },
): InboundRecord[] {
  const [, ...rest] = stream.split('.');
  const kind = kindOf(stream);
  if (!kind || rest.join('.') !== incarnation)
    throw new ProtocolError(`"${stream}" is no record stream of the process that said hello`);
  const fresh: InboundRecord[] = [];
  let last = cursor;
  for (const record of records) {
    const type = 'kind' in record.content ? record.content.type : record.content.t;
    if (type !== kind.type) throw new ProtocolError(`a ${type} does not belong on the stream "${stream}"`);
    if (record.sequence <= last) continue;
    if (kind.isDurable && record.sequence !== last + 1) break;
    fresh.push(record);
    last = record.sequence;
  }
  return fresh;
}
