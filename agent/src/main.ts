import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { PRODUCT_VERSION } from '@steward/shared';
import { runAgent } from './agent.ts';
import { readConfig } from './config.ts';
import { createLog } from './log.ts';
import { startReconcile } from './reconcile/reconciler.ts';
import { runRenderWorker } from './reconcile/render/worker/render-worker.ts';

/** From the signal to the end; the pod's grace period is twice that. */
const STOP_TIMEOUT_MS = 5_000;

async function main(): Promise<void> {
  const config = readConfig();
  if (!config.ok) {
    createLog().error(config.error);
    process.exitCode = 1;
    return;
  }
  const log = createLog({ level: config.value.logLevel });
  process.on('uncaughtExceptionMonitor', (error) =>
    log.error('the agent ends: a fault of Steward', { error, stack: error.stack }),
  );
  const stopping = new AbortController();
  const stop = (): void => {
    stopping.abort();
    setTimeout(() => {
      log.error('the agent did not stop in time and is ended', { afterMs: STOP_TIMEOUT_MS });
      process.exit(1);
    }, STOP_TIMEOUT_MS).unref();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  const { namespace, hubUrl, replica } = config.value;
  log.info('the agent starts', { version: PRODUCT_VERSION, namespace, hub: hubUrl.host, replica });
  await runAgent({
    config: config.value,
    log,
    // The bundle is one file: the render thread loads it too.
    startPeer: (dependencies) => startReconcile({ ...dependencies, renderEntry: new URL(import.meta.url) }),
    signal: stopping.signal,
  });
  log.info('the agent has stopped');
}

if (isMainThread) await main();
else if (parentPort && workerData === 'render') runRenderWorker(parentPort);
