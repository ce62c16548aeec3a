import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { Database } from '../db/database.ts';
import { LOGGER } from '../log.ts';
import { Passwords } from '../users/passwords.ts';
import { UsersRepository } from '../users/users.repository.ts';
import { OrganizationsRepository } from './organizations.repository.ts';

/** Makes the organization and its owner on an empty database, and says the owner's password once, on stderr, never in the log. */
@Injectable()
export class FirstStart implements OnApplicationBootstrap {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
    private readonly database: Database,
    private readonly organizations: OrganizationsRepository,
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { organization, ownerEmail: email } = this.config;
    const password = this.passwords.generate();
    const isFirst = await this.database.asSystem(async (tx) => {
      const made = await this.organizations.insertFirst(tx, organization.slug, organization.name);
      if (!made) return false;
      const passwordHash = await this.passwords.hash(password);
      await this.users.insert(tx, { organizationId: made.id, email, name: 'Owner', role: 'owner', passwordHash });
      return true;
    });
    if (!isFirst) return;
    this.log.info(
      { organization: organization.slug, owner: email },
      'first start: made the organization and its owner',
    );
    process.stderr.write(`\nFirst start. Log in as ${email} with the password ${password} (shown this once)\n\n`);
  }
}
