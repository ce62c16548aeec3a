import { randomUUID, sign, type KeyObject } from 'node:crypto';
import { CONNECT_AUDIENCE, LIMITS, type ConnectClaims } from '@steward/shared';

/**
 * The time as the hub sees it: this machine's clock, put right by what the hub said when it refused a token. Used for
 * authentication and its expiry only.
 */
export class HubClock {
  #offsetMs = 0;
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  nowMs(): number {
    return this.#now() + this.#offsetMs;
  }

  /** @returns whether this changed anything worth another try */
  correct(hubTimeMs: number): boolean {
    const before = this.#offsetMs;
    this.#offsetMs = hubTimeMs - this.#now();
    return Math.abs(this.#offsetMs - before) > 1_000;
  }
}

export interface TokenSubject {
  privateKey: KeyObject;
  clusterId: string;
  clusterUid: string;
}

/** Makes the short tokens an agent proves itself with. `iat` never repeats and never falls, whatever the clock does. */
export class ConnectTokens {
  readonly clock: HubClock;
  #lastIatMs = 0;

  constructor(clock: HubClock) {
    this.clock = clock;
  }

  sign({ privateKey, clusterId, clusterUid }: TokenSubject): string {
    this.#lastIatMs = Math.max(this.clock.nowMs(), this.#lastIatMs + 1);
    const iat = this.#lastIatMs / 1000;
    const claims: ConnectClaims = {
      sub: clusterId,
      aud: CONNECT_AUDIENCE,
      iat,
      exp: iat + LIMITS.connectTokenSeconds,
      cluster: clusterUid,
      jti: randomUUID(),
    };
    const head = `${base64url({ alg: 'EdDSA', typ: 'JWT' })}.${base64url(claims)}`;
    return `${head}.${sign(null, Buffer.from(head), privateKey).toString('base64url')}`;
  }
}

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
