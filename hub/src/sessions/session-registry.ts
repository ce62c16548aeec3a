import type { CloseReason } from '@steward/shared';
import type { AgentSession } from './agent-session.ts';

/** The sessions that this process holds, one per cluster: a newer one ends the one before it. */
export class SessionRegistry {
  readonly #sessions = new Map<string, AgentSession>();

  get size(): number {
    return this.#sessions.size;
  }

  get(clusterId: string): AgentSession | undefined {
    return this.#sessions.get(clusterId);
  }

  all(): AgentSession[] {
    return [...this.#sessions.values()];
  }

  /** @returns false when a newer one is there already; the given one is closed then */
  add(session: AgentSession): boolean {
    const { clusterId, epoch } = session.identity;
    const other = this.#sessions.get(clusterId);
    if (other && other.identity.epoch >= epoch) {
      session.close('replaced');
      return false;
    }
    this.#sessions.set(clusterId, session);
    other?.close('replaced');
    return true;
  }

  /** Forgets this session, and no newer one of the same cluster. */
  remove(session: AgentSession): void {
    const { clusterId } = session.identity;
    if (this.#sessions.get(clusterId) === session) this.#sessions.delete(clusterId);
  }

  /** Ends the session of a cluster when its epoch is below this one. */
  endBelow(clusterId: string, epoch: number, reason: CloseReason): void {
    const session = this.#sessions.get(clusterId);
    if (session && session.identity.epoch < epoch) session.close(reason);
  }
}
