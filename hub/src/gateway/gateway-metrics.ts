import { Injectable } from '@nestjs/common';
import type { ProblemCode } from '@steward/shared';
import { Counter, Gauge } from 'prom-client';
import { SessionRegistry } from '../sessions/session-registry.ts';
import { Metrics } from '../status/metrics.ts';

@Injectable()
export class GatewayMetrics {
  readonly #frames: Counter<'direction' | 'type'>;
  readonly #refusals: Counter<'reason'>;
  readonly #closes: Counter<'code'>;

  constructor({ registry }: Metrics, sessions: SessionRegistry) {
    const registers = [registry];
    new Gauge({
      name: 'steward_agent_sessions',
      help: 'Sessions of agents that this process holds.',
      registers,
      collect() {
        this.set(sessions.size);
      },
    });
    this.#frames = new Counter({
      name: 'steward_agent_frames_total',
      help: 'Frames from (in) and to (out) agents, by type.',
      labelNames: ['direction', 'type'],
      registers,
    });
    this.#refusals = new Counter({
      name: 'steward_agent_refusals_total',
      help: 'Connections of agents that were refused, by reason.',
      labelNames: ['reason'],
      registers,
    });
    this.#closes = new Counter({
      name: 'steward_agent_closes_total',
      help: 'Sessions of agents that ended, by close code.',
      labelNames: ['code'],
      registers,
    });
  }

  frame(direction: 'in' | 'out', type: string): void {
    this.#frames.inc({ direction, type });
  }

  refused(reason: ProblemCode): void {
    this.#refusals.inc({ reason });
  }

  closed(code: number): void {
    this.#closes.inc({ code: String(code) });
  }
}
