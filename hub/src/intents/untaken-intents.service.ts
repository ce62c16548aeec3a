import { Injectable } from '@nestjs/common';
import { LIMITS } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { FeedService } from '../feed/feed.service.ts';
import { toInstallation } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import type { Hello, SessionIdentity } from '../sessions/agent-session.ts';
import { IntentsRepository } from './intents.repository.ts';

/** Finds out which operations were noted as sent and never arrived. */
@Injectable()
export class UntakenIntentsService {
  constructor(
    private readonly intents: IntentsRepository,
    private readonly installations: InstallationsRepository,
    private readonly feed: FeedService,
  ) {}

  /** By what the agent says it has. In the transaction that takes its hello, before anything is sent on the session. */
  async putBack(tx: EntityManager, identity: SessionIdentity, hello: Hello): Promise<void> {
    if (
      hello.unfinishedOperations.length >= LIMITS.maxNamedInHello ||
      hello.installations.length >= LIMITS.maxNamedInHello
    )
      return;
    for (const id of await this.intents.putBack(tx, identity.clusterId, hello)) {
      const found = await this.installations.find(tx, id);
      if (found) await this.feed.publish(tx, identity, 'installation.changed', toInstallation(found));
    }
  }
}
