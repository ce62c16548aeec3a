import { Injectable } from '@nestjs/common';
import type { ChangePassword } from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { credentialHash } from '../http/credential.ts';
import { ProblemError } from '../http/problem.ts';
import { RateLimit, refuseTooMany } from '../http/server/rate-limit.ts';
import { Passwords } from '../users/passwords.ts';
import { UsersRepository } from '../users/users.repository.ts';

/** A person's own new password. Who has only the session does not know the old one, and may not guess it quickly. */
@Injectable()
export class OwnPasswordService {
  readonly #perPerson = new RateLimit({ burst: 10, refillMs: 30_000, maxKeys: 10_000 });

  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly passwords: Passwords,
  ) {}

  /** Every other session of the person ends. @throws ProblemError */
  async change(context: TenantContext, { oldPassword, password }: ChangePassword, token: string): Promise<void> {
    const { userId } = context;
    if (userId === undefined)
      throw new ProblemError('invalid-request', 'this is an API token, which has no password', {
        action: 'log in with e-mail address and password first',
      });
    refuseTooMany(this.#perPerson.take(userId), 'too many attempts to change the password');
    const stored = await this.database.inTenant(context, (tx) => this.users.passwordHash(tx, userId));
    if (!(await this.passwords.verify(stored, oldPassword)) || stored === undefined)
      throw new ProblemError('not-allowed', 'the old password is wrong, so the new one was not taken', {
        action: 'try again; when it is lost, somebody who may make users gives you a new one',
      });
    this.#perPerson.clear(userId);
    const passwordHash = await this.passwords.hash(password);
    const wanted = { oldHash: stored, passwordHash, keptSession: credentialHash(token) };
    if (await this.database.inTenant(context, (tx) => this.users.replacePassword(tx, userId, wanted))) return;
    throw new ProblemError('conflict', 'your password was changed at the same moment, so the new one was not taken', {
      action: 'log in with the password that you have now, then change it',
    });
  }
}
