import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { openDatabase } from '../db/open-database.ts';
import { Passwords } from '../users/passwords.ts';
import { UsersRepository, type OwnerOfOrganization } from '../users/users.repository.ts';

/** No owner, or more than one, is meant; the message says which there are. */
export class OwnerChoiceError extends Error {}

function described({ email, organization }: OwnerOfOrganization): string {
  return `${email} (${organization})`;
}

function choose(owners: readonly OwnerOfOrganization[], email: string | undefined, organization: string) {
  const named = email === undefined ? owners : owners.filter((one) => one.email.toLowerCase() === email.toLowerCase());
  const found = named.length > 1 ? named.filter((one) => one.organization === organization) : named;
  if (found.length === 1 && found[0]) return found[0];
  const known = owners.map(described).join(', ');
  if (owners.length === 0) throw new OwnerChoiceError('there is no owner yet: the first start of the hub makes one');
  if (named.length === 0) throw new OwnerChoiceError(`there is no owner ${email}; there are: ${known}`);
  throw new OwnerChoiceError(
    `several owners may be meant: give the e-mail address after reset-owner, and STEWARD_ORGANIZATION; there are: ${known}`,
  );
}

/**
 * `reset-owner [EMAIL]`: gives an owner a new password, said once on stderr, and ends that owner's sessions. For whoever holds the
 * database, which is all that proves who asks. Without an address it is the only owner there is.
 * @throws OwnerChoiceError when it is not clear who is meant
 */
export async function resetOwner(config: Config, log: Logger, email: string | undefined): Promise<void> {
  const opened = await openDatabase(config, log);
  try {
    const passwords = new Passwords();
    const users = new UsersRepository();
    const password = passwords.generate();
    const passwordHash = await passwords.hash(password);
    const owner = await opened.database.asSystem(async (tx) => {
      const chosen = choose(await users.findOwners(tx), email, config.organization.slug);
      await users.setPassword(tx, chosen.id, passwordHash);
      return chosen;
    });
    log.warn({ owner: owner.email, organization: owner.organization }, "an owner's password was reset on this machine");
    process.stderr.write(
      `\nLog in as ${owner.email} with the password ${password} (shown this once). Sessions of this owner have ended; API tokens go on.\n\n`,
    );
  } finally {
    await opened.stop();
  }
}
