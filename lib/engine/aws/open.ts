import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import { closedError, engineError } from '../engine-error.ts';
import type { Change, DeadLetterFilter, DecisionAuthor } from '../port.ts';
import {
  discardDeadLetters,
  listDeadLetters,
  redriveDeadLetters,
} from './dead-letters/dead-letters.ts';
import type { DeadLetterDeps } from './dead-letters/scan.ts';
import { commit } from './dynamodb/commit.ts';
import { operationKey } from './dynamodb/keys.ts';
import { flushOutbox } from './dynamodb/outbox.ts';
import { readsOf } from './dynamodb/reads.ts';
import { Store } from './dynamodb/table.ts';
import { trimQuarantine } from './dynamodb/trim-quarantine.ts';
import { Queues, type ReceivedMessage } from './messaging/queues.ts';
import { Sender } from './messaging/sender.ts';
import { namesOf, queueNamesOf } from './names.ts';
import type { AwsEngine, AwsEngineOptions } from './port.ts';
import { DEFAULT_RETRY, type RetryOptions, retryOrDeadLetter } from './retry.ts';

export type { AwsEngine, AwsEngineOptions } from './port.ts';

const VISIBILITY_SECONDS = 60;
const OUTBOX_GRACE_MILLIS = 10_000;
const MAX_LEASE_WAIT_MILLIS = 15_000;
const HEALTH_TIMEOUT_MILLIS = 5000;

/**
 * Opens the engine. This function makes no call to AWS, so it does not find missing resources: the
 * first call of the engine that needs a missing resource throws.
 */
export function openAwsEngine(options: AwsEngineOptions): AwsEngine {
  return new DynamoEngine(options);
}

class DynamoEngine implements AwsEngine {
  readonly reads;
  readonly #options: AwsEngineOptions;
  readonly #names;
  readonly #queues: Queues;
  readonly #store: Store;
  readonly #sender: Sender;
  readonly #retry: RetryOptions;
  readonly #outboxGraceMillis: number;
  readonly #warn: (message: string, cause?: unknown) => void;
  #flushedAt = 0;
  #isClosed = false;

  constructor(options: AwsEngineOptions) {
    const { aws, prefix, services, schedulerRoleArn } = options;
    this.#options = options;
    this.#names = namesOf(prefix);
    this.#queues = new Queues(aws);
    this.#store = new Store(aws, this.#names.table);
    this.#sender = new Sender(aws, this.#queues, {
      names: this.#names,
      services,
      schedulerRoleArn,
    });
    this.#retry = { ...DEFAULT_RETRY, ...options.retry };
    this.#outboxGraceMillis = options.outboxGraceMillis ?? OUTBOX_GRACE_MILLIS;
    this.#warn = options.onWarning ?? (() => {});
    this.reads = readsOf(this.#store, this.#queues, this.#names, services);
  }

  async commit(change: Change): Promise<'committed' | 'conflict'> {
    this.#throwIfClosed();
    const [outcome] = await Promise.all([
      commit(change, { store: this.#store, sender: this.#sender, warn: this.#warn }),
      this.#flushOutboxIfDue(),
    ]);
    return outcome;
  }

  deadLetters(filter: DeadLetterFilter) {
    return listDeadLetters(filter, this.#deadLetterDeps());
  }

  async redrive(filter: DeadLetterFilter, author: DecisionAuthor): Promise<number> {
    this.#throwIfClosed();
    return redriveDeadLetters(filter, author, this.#deadLetterDeps());
  }

  async discard(
    filter: DeadLetterFilter,
    author: DecisionAuthor & { readonly reason: string },
  ): Promise<number> {
    this.#throwIfClosed();
    return discardDeadLetters(filter, author, this.#deadLetterDeps());
  }

  async flushOutbox(): Promise<number> {
    this.#throwIfClosed();
    return flushOutbox(this.#store, this.#sender, this.#outboxGraceMillis);
  }

  async housekeeping(): Promise<void> {
    await this.flushOutbox();
    await trimQuarantine(this.#store);
  }

  async keepDeadLetterMetrics(): Promise<void> {
    const deadLetterQueues = queueNamesOf(this.#options.services).map((queue) =>
      this.#names.deadLetterQueue(queue),
    );
    await Promise.all(
      [...deadLetterQueues, this.#names.undeliveredQueue].map((name) => this.#queues.depth(name)),
    );
  }

  retryOrDeadLetter<R extends Pick<ReceivedMessage, 'receiptHandle' | 'body' | 'receiveCount'>>(
    queue: QueueName,
    records: readonly R[],
    error: ErrorReport,
  ) {
    return retryOrDeadLetter(queue, records, error, {
      queues: this.#queues,
      names: this.#names,
      retry: this.#retry,
    });
  }

  async health(): Promise<void> {
    this.#throwIfClosed();
    const timerController = new AbortController();
    const timeout = delay(HEALTH_TIMEOUT_MILLIS, undefined, {
      signal: timerController.signal,
    }).then(() => {
      throw engineError(
        'aws.slow',
        'DynamoDB and SQS did not answer within 5 s.',
        'Check the AWS Health Dashboard for this region.',
      );
    });
    const checks = Promise.all([
      this.#store.get(operationKey('health')),
      this.#queues.depth(this.#names.queue('coordinate')),
    ]);
    await Promise.race([checks, timeout]).finally(() => timerController.abort());
  }

  /** Refuses later calls. The engine has no background work to stop. */
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /**
   * Flushes outboxes if the last flush of this process is older than `outboxGraceMillis`. A failure
   * is only logged, because a later commit tries again.
   */
  async #flushOutboxIfDue(): Promise<void> {
    if (this.#isClosed || Date.now() - this.#flushedAt < this.#outboxGraceMillis) return;
    this.#flushedAt = Date.now();
    try {
      const flushedCount = await this.flushOutbox();
      if (flushedCount > 0)
        this.#warn(`The unsent messages of ${flushedCount} committed changes were sent now`);
    } catch (error) {
      this.#warn(
        'The unsent messages of committed changes could not be sent; a later commit or the sweep ' +
          'tries again',
        error,
      );
    }
  }

  #deadLetterDeps(): DeadLetterDeps {
    const {
      services,
      visibilitySeconds = VISIBILITY_SECONDS,
      maxLeaseWaitMillis = MAX_LEASE_WAIT_MILLIS,
    } = this.#options;
    return {
      store: this.#store,
      sender: this.#sender,
      names: this.#names,
      services,
      visibilitySeconds,
      maxLeaseWaitMillis,
      warn: this.#warn,
    };
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}
