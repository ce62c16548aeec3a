import { Injectable } from '@nestjs/common';

/** Where the hub is in its life, for readiness and for whoever must not begin anything new. */
@Injectable()
export class LifeCycle {
  #state: 'starting' | 'ready' | 'draining' = 'starting';

  get state(): 'starting' | 'ready' | 'draining' {
    return this.#state;
  }

  ready(): void {
    this.#state = 'ready';
  }

  drain(): void {
    this.#state = 'draining';
  }
}
