import { createHash, randomBytes } from 'node:crypto';

/** What a secret is for, as its prefix: session, API token, enrolment of a cluster, grant file of an installation. */
const PREFIXES = { session: 'stw_s_', token: 'stw_t_', enrolment: 'stw_e_', grant: 'stw_g_' } as const;
export type CredentialKind = keyof typeof PREFIXES;

/** A new secret of 32 random bytes. It is shown once; only {@link credentialHash} is kept. */
export function createCredential(kind: CredentialKind): string {
  return `${PREFIXES[kind]}${randomBytes(32).toString('base64url')}`;
}

/** SHA-256 is enough for 32 random bytes: there is nothing to guess. */
export function credentialHash(credential: string): Buffer {
  return createHash('sha256').update(credential).digest();
}

/** Which kind of secret this is by its shape; undefined for anything else, before any look-up. */
export function credentialKind(text: string): CredentialKind | undefined {
  for (const kind of ['session', 'token', 'enrolment', 'grant'] as const) {
    if (text.startsWith(PREFIXES[kind]) && /^[A-Za-z0-9_-]{43}$/.test(text.slice(PREFIXES[kind].length))) return kind;
  }
  return undefined;
}

/** Whether it may be a session or an API token. */
export function isCredential(text: string): boolean {
  const kind = credentialKind(text);
  return kind === 'session' || kind === 'token';
}
