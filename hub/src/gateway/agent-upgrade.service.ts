import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { AGENT_PATHS, SUBPROTOCOL } from '@steward/shared';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { bearerOf } from '../http/access.guard.ts';
import { HttpServers } from '../http/server/http-servers.ts';
import { ProblemError, problemAnswer } from '../http/problem.ts';
import { LOGGER } from '../log.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import { LifeCycle } from '../status/life-cycle.ts';
import { Admission } from './admission.ts';
import { AgentAuthenticatorService } from '../agents/agent-authenticator.service.ts';
import { AgentServer } from './agent-server.ts';
import { AgentSessionsService } from '../agents/agent-sessions.service.ts';
import { GatewayMetrics } from './gateway-metrics.ts';
import { refuseUpgrade } from './upgrade-refusal.ts';

/** Upgrades that wait for the database; more would only wait longer. */
const MAX_PENDING = 500;

/** Decides over an agent's connection inside its HTTP upgrade, before there is a socket. */
@Injectable()
export class AgentUpgradeService implements OnModuleInit {
  readonly #admission = new Admission();
  #pending = 0;

  constructor(
    private readonly servers: HttpServers,
    private readonly lifeCycle: LifeCycle,
    private readonly authenticator: AgentAuthenticatorService,
    private readonly sessions: AgentSessionsService,
    private readonly server: AgentServer,
    private readonly metrics: GatewayMetrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onModuleInit(): void {
    this.servers.onUpgrade(AGENT_PATHS.connect, (request, socket, head) => void this.#answer(request, socket, head));
  }

  async #answer(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    this.#pending += 1;
    try {
      const identity = await this.#admit(request);
      if (!this.server.accept(request, socket, head, identity)) this.sessions.ended(identity, Date.now());
    } catch (error) {
      const requestId = randomUUID();
      const answer = problemAnswer(error, { id: requestId, path: AGENT_PATHS.connect });
      this.metrics.refused(answer.code);
      const event = {
        requestId,
        problem: answer.code,
        detail: answer.body.detail,
        remote: this.servers.remoteOf(request),
      };
      if (answer.isBug) this.log.error({ ...event, err: error }, 'an agent could not be let in');
      else this.log.info(event, 'an agent was refused');
      refuseUpgrade(socket, answer);
    } finally {
      this.#pending -= 1;
    }
  }

  async #admit(request: IncomingMessage): Promise<SessionIdentity> {
    if (this.lifeCycle.state === 'draining')
      throw new ProblemError('shutting-down', 'this hub is shutting down', {
        action: 'dial again; another replica, or this one when it is back, answers',
        retryAfterSeconds: 2,
      });
    this.#admission.enter(this.#pending > MAX_PENDING);
    checkHandshake(request);
    const proved = await this.authenticator.prove(bearerOf(request));
    this.#admission.connect();
    return this.sessions.begin(proved);
  }
}

/** @throws ProblemError for what is no WebSocket handshake of a protocol spoken here */
function checkHandshake({ method, headers }: IncomingMessage): void {
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  if (!offered.includes(SUBPROTOCOL))
    throw new ProblemError(
      'unknown-protocol',
      `this hub speaks ${SUBPROTOCOL}, and the agent offers ${offered.join(', ') || 'nothing'}`,
      {
        action:
          'install the version of the agent that belongs to this hub: ask the vendor for a new install line (`steward cluster enrol`) and apply it',
        headers: { upgrade: 'websocket' },
      },
    );
  const isHandshake =
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '');
  if (!isHandshake) throw new ProblemError('invalid-request', 'this is no WebSocket handshake (RFC 6455)');
}
