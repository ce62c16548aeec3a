import type { InboundRecord } from '../sessions/inbound.ts';
import { ProtocolError } from './fence.ts';

/** Results are durable: the agent sends them until they are acked. Of events a loss is allowed, and seen as a gap in the sequence. */
const KINDS: Readonly<Record<string, { type: string; isDurable: boolean }>> = {
  results: { type: 'result', isDurable: true },
  events: { type: 'event', isDurable: false },
};

/**
 * Which records are new and may be stored now: those above the cursor, of a durable stream only up to the first hole.
 * @throws ProtocolError for a stream that is not of this session, or a record on the wrong one
 */
export function freshRecords(
  incarnation: string,
  cursor: number,
  { stream, records }: { stream: string; records: readonly InboundRecord[] },
): InboundRecord[] {
  const [name = '', ...rest] = stream.split('.');
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
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
