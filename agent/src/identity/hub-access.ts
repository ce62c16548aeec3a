import { sha256 } from '@steward/shared';
import type { HubHttp, Refusal } from '../link/hub-http.ts';
import { ConnectTokens, HubClock } from './connect-token.ts';
import { enrol } from './enrol.ts';
import type { Identity, IdentityStore } from './identity-store.ts';

export interface HubAccessOptions {
  http: HubHttp;
  store: IdentityStore;
  /** Read anew at each attempt: the customer may have applied a new one. */
  readToken: () => string | undefined;
  loadClusterUid: (signal: AbortSignal) => Promise<string>;
  loadKubernetesVersion: () => Promise<string>;
  now?: (() => number) | undefined;
}

export type Prepared =
  | { ok: true; isNew: boolean }
  | { ok: false; why: 'no-token' }
  | { ok: false; why: 'refused'; refusal: Refusal }
  | { ok: false; why: 'unreachable'; error: Error };

/** What the agent needs to prove itself to the hub, gathered when it is first needed; enrols when there is no identity yet. */
export class HubAccess {
  readonly #options: HubAccessOptions;
  readonly #tokens: ConnectTokens;
  #identity: Identity | undefined;
  #clusterUid: string | undefined;
  #kubernetesVersion = '';
  #isRefused = false;
  #refusedTokenDigest: string | undefined;

  constructor(options: HubAccessOptions) {
    this.#options = options;
    this.#tokens = new ConnectTokens(new HubClock(options.now));
  }

  /** @throws KubeError or Error when the cluster does not give what is needed */
  async prepare(signal: AbortSignal): Promise<Prepared> {
    const { store, http, readToken } = this.#options;
    this.#kubernetesVersion = await this.#options.loadKubernetesVersion();
    this.#clusterUid ??= await this.#options.loadClusterUid(signal);
    this.#identity ??= (await store.load()).identity;
    if (this.#identity && !(this.#isRefused && this.#untriedToken() !== undefined)) return { ok: true, isNew: false };
    const token = readToken();
    if (token === undefined) return { ok: false, why: 'no-token' };
    const { kubernetesVersion, clusterUid } = this;
    const enrolled = await enrol({ store, http, token, clusterUid, kubernetesVersion, signal });
    if ('error' in enrolled) return { ok: false, why: 'unreachable', error: enrolled.error };
    this.#isRefused = false;
    if (!enrolled.ok) {
      this.#refusedTokenDigest = sha256(token);
      return { ok: false, why: 'refused', refusal: enrolled.refusal };
    }
    this.#identity = enrolled.identity;
    return { ok: true, isNew: true };
  }

  /** Undefined before there is an identity. Each call makes a new one, later than all before. */
  token(): string | undefined {
    if (!this.#identity || this.#clusterUid === undefined) return undefined;
    const { privateKey, clusterId } = this.#identity;
    return this.#tokens.sign({ privateKey, clusterId, clusterUid: this.#clusterUid });
  }

  /** The hub told its time with a refusal. @returns whether trying again at once makes sense */
  isClockCorrectedBy({ status, hubTimeMs }: Refusal): boolean {
    return status === 401 && hubTimeMs !== undefined && this.#tokens.clock.correct(hubTimeMs);
  }

  /** The hub does not know this identity (any more). @returns whether there is a token that may make a new one */
  identityRefused(): boolean {
    this.#isRefused = true;
    return this.#untriedToken() !== undefined;
  }

  get clusterUid(): string {
    return this.#clusterUid ?? '';
  }

  get clusterName(): string {
    return this.#identity?.cluster ?? '';
  }

  get kubernetesVersion(): string {
    return this.#kubernetesVersion;
  }

  /** A token that neither made the identity we have nor was refused. */
  #untriedToken(): string | undefined {
    const token = this.#options.readToken();
    if (token === undefined) return undefined;
    const digest = sha256(token);
    return digest === this.#identity?.tokenDigest || digest === this.#refusedTokenDigest ? undefined : token;
  }
}
