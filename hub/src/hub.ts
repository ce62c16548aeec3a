import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { LIMITS } from '@steward/shared';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { AppModule } from './app.module.ts';
import type { Config } from './config.ts';
import { openDatabase, type OpenDatabase } from './db/open-database.ts';
import { AgentServer } from './gateway/agent-server.ts';
import { AgentSocketAdapter } from './gateway/agent-socket.adapter.ts';
import { addBodyParsers } from './http/server/body-parsers.ts';
import { HttpServers } from './http/server/http-servers.ts';
import { sendProblem } from './http/problem.filter.ts';
import { addRequestPlaces } from './http/server/request-places.ts';
import { addRequestLog } from './http/server/request-log.ts';
import { RouteTable } from './openapi/route-table.ts';
import { addSecurityHeaders } from './http/server/security-headers.ts';
import { TrustedProxies } from './http/server/trusted-proxies.ts';
import { nestLogger } from './log.ts';
import { LifeCycle } from './status/life-cycle.ts';
import { addShutdownRefusal } from './status/shutdown-refusal.ts';
import { Metrics } from './status/metrics.ts';
import { createTlsMaterial } from './tls/create-tls-material.ts';

const DRAIN_MS = 10_000;

/** A running hub. `stop` drains, is bounded, and is safe twice. */
export interface Hub {
  publicUrl: string;
  stop(): Promise<void>;
}

/** Undo steps of a start, run in reverse, each once. */
class Steps {
  readonly #undo: (() => Promise<void> | void)[] = [];
  #stopping: Promise<void> | undefined;

  push(undo: () => Promise<void> | void): void {
    this.#undo.push(undo);
  }

  stop(log: Logger): Promise<void> {
    this.#stopping ??= this.#run(log);
    return this.#stopping;
  }

  async #run(log: Logger): Promise<void> {
    for (const undo of this.#undo.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        log.error({ err: error }, 'a part of the hub did not stop cleanly');
      }
    }
  }
}

/** Starts everything, in order: database, TLS, features, listeners. What fails undoes what was started. */
export async function startHub(config: Config, log: Logger): Promise<Hub> {
  const steps = new Steps();
  try {
    const opened = await openDatabase(config, log);
    steps.push(() => opened.stop());
    return await startOn(opened, { config, log, steps });
  } catch (error) {
    await steps.stop(log);
    throw error;
  }
}

async function startOn(
  opened: OpenDatabase,
  { config, log, steps }: { config: Config; log: Logger; steps: Steps },
): Promise<Hub> {
  const tls = createTlsMaterial(config, log);
  await tls.start();
  steps.push(() => tls.stop());
  const proxies = new TrustedProxies(config.trustedProxies);
  const adapter = new FastifyAdapter({
    // Who a request is from, for limits and the log.
    trustProxy: (address: string) => proxies.trusts(address),
    genReqId: () => randomUUID(),
    bodyLimit: LIMITS.maxRequestBytes,
    return503OnClosing: false,
    // Paths that never reach a route, and so not the filter.
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, { request, reply }, log),
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.of({ config, log, database: opened.database, tls }),
    adapter,
    { bodyParser: false, logger: nestLogger(log), abortOnError: false },
  );
  app.useWebSocketAdapter(new AgentSocketAdapter(app.get(AgentServer)));
  const servers = app.get(HttpServers);
  steps.push(async () => {
    // Features end their streams and sockets while the servers wait for what is in flight.
    const drained = servers.stop(DRAIN_MS);
    await app.close();
    await drained;
  });
  const fastify = adapter.getInstance();
  addShutdownRefusal(fastify, app.get(LifeCycle));
  addBodyParsers(fastify);
  addRequestPlaces(fastify);
  addSecurityHeaders(fastify, config.tls.kind === 'files');
  addRequestLog(fastify, log, app.get(Metrics));
  const table = app.get(RouteTable);
  table.check();
  log.debug({ routes: table.routes().map(({ method, path, access }) => ({ method, path, access })) }, 'routes');
  await app.init();
  await fastify.ready();
  await servers.start((request, response) => fastify.routing(request, response));
  const lifeCycle = app.get(LifeCycle);
  lifeCycle.ready();
  steps.push(() => {
    lifeCycle.drain();
    servers.stopAccepting();
  });
  log.info({ listen: servers.addresses(), publicUrl: servers.publicUrl }, 'the hub is ready');
  return { publicUrl: servers.publicUrl, stop: () => steps.stop(log) };
}
