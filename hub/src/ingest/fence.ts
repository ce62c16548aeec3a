import type { EntityManager } from 'typeorm';
import { row } from '../db/query.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';

/** A newer session of the same agent has taken over: nothing that this one brings may be written any more. */
export class FencedError extends Error {
  constructor({ clusterId, epoch }: SessionIdentity) {
    super(`the session of cluster ${clusterId} with epoch ${epoch} was replaced`);
  }
}

/** An agent that does not keep to the protocol; the session ends with `badFrame`. */
export class ProtocolError extends Error {}

/**
 * Holds the session's epoch for the transaction: a newer session can begin only after it.
 * @throws FencedError when one has begun already
 */
export async function fence(tx: EntityManager, identity: SessionIdentity): Promise<void> {
  const held = await row(tx, 'SELECT 1 FROM clusters WHERE id = $1 AND epoch = $2 FOR SHARE', [
    identity.clusterId,
    identity.epoch,
  ]);
  if (!held) throw new FencedError(identity);
}
