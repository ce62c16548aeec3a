import { Injectable } from '@nestjs/common';
import type { Login, Session } from '@steward/shared';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { createCredential, credentialHash } from '../http/credential.ts';
import { ProblemError } from '../http/problem.ts';
import { RateLimit, refuseTooMany } from '../http/server/rate-limit.ts';
import { Passwords } from '../users/passwords.ts';
import { SessionsRepository } from './sessions.repository.ts';
import { UsersRepository, type LoginCandidate } from '../users/users.repository.ts';

const SESSION_DAYS = 7;
const TOO_MANY_LOGINS = 'too many attempts to log in';

@Injectable()
export class SessionsService {
  readonly #perAddress = new RateLimit({ burst: 60, refillMs: 1_000, maxKeys: 10_000 });
  readonly #perEmail = new RateLimit({ burst: 10, refillMs: 30_000, maxKeys: 10_000 });

  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly sessions: SessionsRepository,
    private readonly passwords: Passwords,
  ) {}

  /** The same refusal, after the same time, for an unknown address and a wrong password. */
  async logIn({ email, password }: Login, address: string): Promise<Session> {
    const key = email.toLowerCase();
    refuseTooMany(this.#perAddress.take(address), TOO_MANY_LOGINS);
    refuseTooMany(this.#perEmail.take(key), TOO_MANY_LOGINS);
    const candidates = await this.database.asSystem((tx) => this.users.findLoginCandidates(tx, email));
    const found = await this.#match(candidates, password);
    if (!found) throw wrongLogin();
    this.#perEmail.clear(key);
    const { user, passwordHash } = found;
    const token = createCredential('session');
    const expiresAt = new Date(Date.now() + SESSION_DAYS * 86_400_000);
    const session = { userId: user.id, passwordHash, tokenHash: credentialHash(token), expiresAt };
    if (!(await this.database.asSystem((tx) => this.sessions.insert(tx, session)))) throw wrongLogin();
    return { token, expiresAt: expiresAt.toISOString(), user };
  }

  async logOut(context: TenantContext, token: string): Promise<void> {
    const isSession = await this.database.inTenant(context, (tx) => this.sessions.delete(tx, credentialHash(token)));
    if (!isSession)
      throw new ProblemError('invalid-request', 'this is an API token, not a session', {
        action: 'delete it with DELETE /api/v1/tokens/:id',
      });
  }

  async #match(candidates: readonly LoginCandidate[], password: string): Promise<LoginCandidate | undefined> {
    if (candidates.length === 0) await this.passwords.verify(undefined, password);
    for (const candidate of candidates)
      if (await this.passwords.verify(candidate.passwordHash, password)) return candidate;
    return undefined;
  }
}

function wrongLogin(): ProblemError {
  return new ProblemError('not-authenticated', 'the e-mail address or the password is wrong', {
    action: 'check both; when the password is lost, an owner gives you a new one',
  });
}
