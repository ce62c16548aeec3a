import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../db/database.ts';
import { credentialHash } from './credential.ts';

/** Its payload is the hash of a session or an API token that is gone, in hex: see the migration that notifies. */
const CHANNEL = 'steward_credential_gone';

/** Tells at once when a session or an API token has ended, on whichever hub, and by whatever: removed with its person, too. */
@Injectable()
export class EndedCredentials implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #handlers = new Map<string, Set<() => void>>();
  #unlisten: (() => Promise<void>) | undefined;

  constructor(private readonly database: Database) {}

  async onApplicationBootstrap(): Promise<void> {
    // An empty payload says that some may have been missed: who holds one open looks at it again by itself.
    this.#unlisten = await this.database.listen(CHANNEL, (hash) => {
      for (const handler of this.#handlers.get(hash) ?? []) handler();
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#unlisten?.();
    this.#unlisten = undefined;
  }

  /** @returns what ends the waiting */
  onEnd(credential: string, handler: () => void): () => void {
    const hash = credentialHash(credential).toString('hex');
    const handlers = this.#handlers.get(hash) ?? new Set();
    this.#handlers.set(hash, handlers.add(handler));
    return () => {
      handlers.delete(handler);
      if (handlers.size === 0 && this.#handlers.get(hash) === handlers) this.#handlers.delete(hash);
    };
  }
}
