import { parentPort } from 'node:worker_threads';
import { runRenderWorker } from './render-worker.ts';

if (parentPort) runRenderWorker(parentPort);
