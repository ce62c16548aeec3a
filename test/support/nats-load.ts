import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  type ConsumerMessages,
  type JetStreamClient,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { NumberSet } from './number-set.ts';
import { waitUntil } from './wait-until.ts';

export interface NatsLoadOptions {
  /** `10.0.0.1:30422` */
  servers: string | string[];
  /** Copies of the stream; default 3. */
  replicas?: number;
  /** Default 200. Fewer when the servers are slower: at most 64 messages wait for their ack. */
  messagesPerSecond?: number;
  /** Publishing ends after so many; default a million. */
  maxMessages?: number;
}

export interface NatsLoadResult {
  /** Messages given to the client. Each is then acked or failed. */
  published: number;
  acked: number;
  /** Not acked within a minute of tries. */
  failed: number;
  /** Tries beyond the first of a message. */
  retried: number;
  /** Different messages that the durable consumer got while the load ran, and until it had them all. */
  consumed: number;
  /** Acked and not in the stream at the end. */
  lost: number;
  /** Acked and never given to the consumer. */
  unconsumed: number;
  /** In the stream more than once. */
  duplicated: number;
  /** The longest that a message took from its first try to its ack. */
  slowestAckMs: number;
  /** The longest time between two acks. */
  longestPauseMs: number;
  /** The reasons of retries, each once, the first few. */
  reasons: string[];
}

export interface NatsLoad {
  /** As counted so far; the stream is not read. */
  progress(): Pick<NatsLoadResult, 'published' | 'acked' | 'failed' | 'retried' | 'consumed'>;
  /** Ends publishing, lets the consumer finish, reads the whole stream back, compares, and removes the stream. */
  stop(): Promise<NatsLoadResult>;
}

const maxInFlight = 64;
const tryMs = 2_000;
const patienceMs = 60_000;
const maxReasons = 20;
const payloadLength = 128;
const readBackMs = 120_000;
const durable = 'reader';

function subjectOf(stream: string): string {
  return `${stream}.numbers`;
}

async function connectTo(servers: string | string[], name: string): Promise<NatsConnection> {
  const options = { servers, name, timeout: 2_000, maxReconnectAttempts: -1, reconnectTimeWait: 100 };
  return waitUntil(
    () => connect({ ...options, reconnectJitter: 100, ignoreClusterUpdates: true, pingInterval: 5_000 }),
    {
      what: `NATS answers at ${String(servers)}`,
      timeoutMs: 30_000,
      intervalMs: 250,
    },
  );
}

/** Publishes numbers, each under its own id, so that one that is sent again is stored once. */
class Publisher {
  readonly acked: NumberSet;
  published = 0;
  failed = 0;
  retried = 0;
  slowestAckMs = 0;
  longestPauseMs = 0;
  readonly reasons = new Set<string>();
  private readonly client: JetStreamClient;
  private readonly subject: string;
  private readonly inFlight = new Set<Promise<void>>();
  private lastAckAt = performance.now();

  constructor(client: JetStreamClient, subject: string, maxMessages: number) {
    this.client = client;
    this.subject = subject;
    this.acked = new NumberSet(maxMessages);
  }

  /** Ends on abort, once everything in flight is acked or failed. */
  async run(messagesPerSecond: number, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    this.lastAckAt = startedAt;
    let paused = 0;
    while (!signal.aborted && this.published < this.acked.size) {
      const dueAt = startedAt + paused + (this.published * 1000) / messagesPerSecond;
      const waitMs = dueAt - performance.now();
      if (waitMs > 1) await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      const fullSince = performance.now();
      if (this.inFlight.size >= maxInFlight) await Promise.race(this.inFlight);
      // What could not be sent meanwhile is not made up for, or each pause would be followed by a flood.
      paused += Math.max(0, performance.now() - fullSince);
      if (signal.aborted) break;
      const sent = this.send(this.published).finally(() => this.inFlight.delete(sent));
      this.inFlight.add(sent);
      this.published += 1;
    }
    await Promise.all(this.inFlight);
  }

  private async send(number: number): Promise<void> {
    const payload = String(number).padEnd(payloadLength);
    const startedAt = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.client.publish(this.subject, payload, { msgID: `${this.subject}.${number}`, timeout: tryMs });
        const now = performance.now();
        this.slowestAckMs = Math.max(this.slowestAckMs, now - startedAt);
        this.longestPauseMs = Math.max(this.longestPauseMs, now - this.lastAckAt);
        this.lastAckAt = now;
        this.acked.add(number);
        return;
      } catch (error) {
        if (this.reasons.size < maxReasons) this.reasons.add(String(error));
        if (performance.now() - startedAt > patienceMs) {
          this.failed += 1;
          return;
        }
      }
      this.retried += 1;
      await sleep(Math.min(50 * attempt, 500));
    }
  }
}

interface Reading {
  into: NumberSet;
  /** Asked after each message; true ends it. */
  isDone: (pending: number) => boolean;
  onRepeated?: () => void;
}

async function read(messages: ConsumerMessages, reading: Reading): Promise<void> {
  for await (const message of messages) {
    const number = Number(message.string());
    if (reading.into.has(number)) reading.onRepeated?.();
    reading.into.add(number);
    message.ack();
    if (reading.isDone(message.info.pending)) break;
  }
}

async function makeStream(connection: NatsConnection, stream: string, replicas: number): Promise<void> {
  const manager = await waitUntil(() => jetstreamManager(connection, { timeout: 5_000 }), {
    what: 'JetStream answers',
    timeoutMs: 30_000,
    intervalMs: 250,
  });
  await waitUntil(() => manager.streams.add({ name: stream, subjects: [subjectOf(stream)], num_replicas: replicas }), {
    what: `a stream with ${replicas} copies is made`,
    timeoutMs: 30_000,
    intervalMs: 250,
  });
  await manager.consumers.add(stream, { durable_name: durable, ack_policy: AckPolicy.Explicit });
}

/** Reads the whole stream. @throws Error when that takes too long */
async function readBack(client: JetStreamClient, stream: string, size: number) {
  const stored = new NumberSet(size);
  let duplicated = 0;
  let isWhole = (await (await client.jetstreamManager()).streams.info(stream)).state.messages === 0;
  if (isWhole) return { stored, duplicated };
  const messages = await (await client.consumers.get(stream)).consume({ max_messages: 1_000 });
  const timer = setTimeout(() => void messages.close(), readBackMs);
  await read(messages, {
    into: stored,
    isDone: (pending) => (isWhole = pending === 0),
    onRepeated: () => (duplicated += 1),
  });
  clearTimeout(timer);
  await messages.close();
  if (!isWhole) throw new Error(`the stream was not read within ${readBackMs} ms: ${stored.count} messages came`);
  return { stored, duplicated };
}

/**
 * Publishes to a stream of its own with acks, and consumes it, each over its own connection, until stopped. What the
 * servers acked is compared with what they kept: for upgrades and faults under load. Memory does not grow with messages.
 */
export async function startNatsLoad(options: NatsLoadOptions): Promise<NatsLoad> {
  const { servers, replicas = 3, messagesPerSecond = 200, maxMessages = 1_000_000 } = options;
  const stream = `load-${randomBytes(4).toString('hex')}`;
  const connections: NatsConnection[] = [];
  const open = async (what: string): Promise<NatsConnection> => {
    const connection = await connectTo(servers, `${stream} ${what}`);
    connections.push(connection);
    return connection;
  };
  const close = async (): Promise<void> =>
    void (await Promise.all(connections.map((connection) => connection.close())));
  try {
    const [publishing, consuming] = [await open('publishes'), await open('consumes')];
    await makeStream(consuming, stream, replicas);
    return await run(jetstream(publishing), jetstream(consuming, { timeout: 10_000 }), {
      stream,
      messagesPerSecond,
      maxMessages,
      close,
    });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Run {
  stream: string;
  messagesPerSecond: number;
  maxMessages: number;
  close: () => Promise<void>;
}

async function run(publishing: JetStreamClient, consuming: JetStreamClient, options: Run): Promise<NatsLoad> {
  const { stream, messagesPerSecond, maxMessages, close } = options;
  const consumed = new NumberSet(maxMessages);
  const messages = await (
    await consuming.consumers.get(stream, durable)
  ).consume({ max_messages: 500, expires: 5_000 });
  const reading = read(messages, { into: consumed, isDone: () => false }).then(
    () => undefined,
    (error: unknown) => error,
  );
  const publisher = new Publisher(publishing, subjectOf(stream), maxMessages);
  const ending = new AbortController();
  const published = publisher.run(messagesPerSecond, ending.signal);
  const counts = () => ({
    published: publisher.published,
    acked: publisher.acked.count,
    failed: publisher.failed,
    retried: publisher.retried,
    consumed: consumed.count,
  });

  const finish = async (): Promise<NatsLoadResult> => {
    ending.abort();
    await published;
    const isConsumed = (): boolean => publisher.acked.countMissingIn(consumed) === 0;
    // What is still missing after that is told as unconsumed.
    await waitUntil(isConsumed, { what: 'all is consumed', timeoutMs: 30_000, intervalMs: 100 }).catch(() => undefined);
    await messages.close();
    const failure = await reading;
    if (failure !== undefined) throw new Error('the consumer ended before its time', { cause: failure });
    const { stored, duplicated } = await readBack(consuming, stream, maxMessages);
    await (await consuming.jetstreamManager()).streams.delete(stream);
    return {
      ...counts(),
      lost: publisher.acked.countMissingIn(stored),
      unconsumed: publisher.acked.countMissingIn(consumed),
      duplicated,
      slowestAckMs: Math.round(publisher.slowestAckMs),
      longestPauseMs: Math.round(publisher.longestPauseMs),
      reasons: [...publisher.reasons],
    };
  };
  const stop = async (): Promise<NatsLoadResult> => {
    try {
      return await finish();
    } finally {
      await close();
    }
  };
  const state: { stopping?: Promise<NatsLoadResult> } = {};
  return { progress: counts, stop: () => (state.stopping ??= stop()) };
}
