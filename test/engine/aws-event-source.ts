import { setTimeout as delay } from 'node:timers/promises';
import middy from '@middy/core';
import type { QueueName } from '../../events/index.ts';
import type { Aws } from '../../lib/engine/aws/clients.ts';
import type { LambdaContext } from '../../lib/engine/aws/lambda/context.ts';
import { functionLog } from '../../lib/engine/aws/lambda/log.ts';
import { recordsHandler, sqsMiddlewares } from '../../lib/engine/aws/lambda/sqs.ts';
import {
  MAX_RECEIVED_PER_CALL,
  Queues,
  type ReceivedMessage,
} from '../../lib/engine/aws/messaging/queues.ts';
import { namesOf } from '../../lib/engine/aws/names.ts';
import type { AwsEngine } from '../../lib/engine/aws/open.ts';
import type { Handler } from '../../lib/engine/handle-group.ts';
import type { WorkerEngine, WorkOptions } from '../../lib/engine/port.ts';

const POLL_SECONDS = 1;

export interface EventSourceOptions {
  readonly aws: Aws;
  readonly prefix: string;
  /** Visibility timeout in seconds. On AWS it is six times the time-out of the function. */
  readonly visibilitySeconds?: number | undefined;
}

/** An engine on AWS whose `work` invokes the handler of the deployed functions, as Lambda does. */
export type AwsWorkerEngine = AwsEngine & WorkerEngine;

type Invoke = (event: object, context: object) => Promise<unknown>;

/** The handler of a deployed function, with the given engine in place of a whole cloud. */
function functionOf(
  queue: QueueName,
  engine: AwsEngine,
  work: Handler,
  inOneCall: boolean,
): Invoke {
  const context = {
    engine,
    log: functionLog('silent'),
    countMetrics: () => {},
    flushMetrics: () => {},
  };
  const open = async () => context as unknown as LambdaContext;
  return middy()
    .use(sqsMiddlewares(queue, open))
    .handler(recordsHandler(queue, work, { inOneCall })) as unknown as Invoke;
}

const eventOf = (records: readonly ReceivedMessage[]) => ({
  Records: records.map(({ id, receiptHandle, body, receiveCount }) => ({
    messageId: id,
    receiptHandle,
    body,
    attributes: { ApproximateReceiveCount: String(receiveCount) },
  })),
});

/** The poller of Lambda for one queue: it deletes the records that the function does not name. */
class EventSource {
  readonly #queues: Queues;
  readonly #name: string;
  readonly #visibilitySeconds: number;
  readonly #options: WorkOptions;
  readonly #invoke: Invoke;
  readonly #running = new Set<Promise<void>>();
  readonly #ended: Promise<void>;
  #stopping = false;

  constructor(
    queue: QueueName,
    { aws, prefix, visibilitySeconds = 30 }: EventSourceOptions,
    options: WorkOptions,
    invoke: Invoke,
  ) {
    this.#queues = new Queues(aws);
    this.#name = namesOf(prefix).queue(queue);
    this.#visibilitySeconds = visibilitySeconds;
    this.#options = options;
    this.#invoke = invoke;
    this.#ended = this.#poll();
  }

  async close(graceSeconds: number): Promise<void> {
    this.#stopping = true;
    await this.#ended;
    const late = new AbortController();
    const grace = delay(graceSeconds * 1000, undefined, { signal: late.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#running), grace]);
    late.abort();
  }

  async #poll(): Promise<void> {
    const { concurrency, batchSize = 1 } = this.#options;
    while (!this.#stopping) {
      const room = concurrency - this.#running.size;
      if (room <= 0) {
        await Promise.race(this.#running);
        continue;
      }
      const records = await this.#receive(batchSize === 1 ? room : batchSize).catch(() => []);
      if (records.length === 0) continue;
      if (this.#stopping) {
        await this.#queues.changeVisibility(this.#name, records, 0);
        return;
      }
      const invocations = batchSize === 1 ? records.map((record) => [record]) : [records];
      for (const invocation of invocations) {
        const run = this.#handle(invocation).finally(() => this.#running.delete(run));
        this.#running.add(run);
      }
    }
  }

  /** Waits for a first message, and then receives more while each answer is full. */
  async #receive(size: number): Promise<ReceivedMessage[]> {
    const records: ReceivedMessage[] = [];
    for (let waitSeconds = POLL_SECONDS; records.length < size; waitSeconds = 0) {
      const most = Math.min(MAX_RECEIVED_PER_CALL, size - records.length);
      const received = await this.#queues.receive(
        this.#name,
        most,
        waitSeconds,
        this.#visibilitySeconds,
      );
      records.push(...received);
      if (received.length < most) break;
    }
    return records;
  }

  /** If the invocation fails, SQS delivers its records again after the visibility timeout. */
  async #handle(records: readonly ReceivedMessage[]): Promise<void> {
    const answer = await this.#invoke(eventOf(records), {}).catch(() => undefined);
    if (answer === undefined) return;
    const { batchItemFailures } = answer as { batchItemFailures: { itemIdentifier: string }[] };
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
    const done = records.filter(({ id }) => !failed.has(id));
    if (done.length > 0) await this.#queues.delete(this.#name, done);
  }
}

/** Adds `work` to an engine on AWS. `close` also stops the pollers. */
export function withEventSources(engine: AwsEngine, options: EventSourceOptions): AwsWorkerEngine {
  const sources: EventSource[] = [];
  return {
    reads: engine.reads,
    commit: engine.commit.bind(engine),
    async work(queue, workOptions, handler) {
      const invoke = functionOf(queue, engine, handler, (workOptions.batchSize ?? 1) > 1);
      sources.push(new EventSource(queue, options, workOptions, invoke));
    },
    deadLetters: engine.deadLetters.bind(engine),
    redrive: engine.redrive.bind(engine),
    discard: engine.discard.bind(engine),
    health: engine.health.bind(engine),
    async close(graceSeconds = 10) {
      await Promise.all(sources.map((source) => source.close(graceSeconds)));
      await engine.close();
    },
    flushOutbox: engine.flushOutbox.bind(engine),
    housekeeping: engine.housekeeping.bind(engine),
    keepDeadLetterMetrics: engine.keepDeadLetterMetrics.bind(engine),
    retryOrDeadLetter: engine.retryOrDeadLetter.bind(engine),
  };
}
