import type { QueueName } from '../../../events/index.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import type { Engine } from '../port.ts';
import type { Aws } from './clients.ts';
import type { ReceivedMessage } from './messaging/queues.ts';
import type { RetryOptions } from './retry.ts';

export interface AwsEngineOptions {
  readonly aws: Aws;
  /** Prefix of all names of this stage, for example `propagator-prod`. */
  readonly prefix: string;
  /** Names of all deployed services; each has a queue. */
  readonly services: readonly string[];
  /**
   * The ARN of the role with which EventBridge Scheduler sends to the queues. A delay of more than
   * 15 minutes needs this role.
   */
  readonly schedulerRoleArn?: string | undefined;
  /**
   * Called for a problem that does not make a call of the engine fail. The engine tries again, or
   * an operator must act later.
   */
  readonly onWarning?: ((message: string, cause?: unknown) => void) | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  /**
   * The visibility timeout in seconds of a scan of dead-letter messages, default 60. If the process
   * dies during a scan, other processes can receive the messages after this time.
   */
  readonly visibilitySeconds?: number | undefined;
  /**
   * The maximum time for which a scan of dead-letter messages waits until another scan has released
   * its lease. Default 15,000, because the API must answer within 29 s.
   */
  readonly maxLeaseWaitMillis?: number | undefined;
  /**
   * An outbox holds the unsent messages of a committed change. When it is older than this time, in
   * milliseconds, any process may send it. Default 10,000.
   */
  readonly outboxGraceMillis?: number | undefined;
}

/** An engine with the functions that only AWS needs. */
export interface AwsEngine extends Engine {
  /**
   * Sends the outboxes that their processes have not sent, for example because a process died.
   * Returns the number of sent outboxes. A commit also calls this function, if the last call in
   * this process was more than `outboxGraceMillis` ago.
   */
  flushOutbox(): Promise<number>;
  /**
   * Calls {@link flushOutbox}, and deletes the oldest records of a quarantine that is too big. The
   * sweep calls this function.
   */
  housekeeping(): Promise<void>;
  /**
   * Requests the attributes of every dead-letter queue, so that SQS continues to send the metrics
   * of these queues to CloudWatch. If a queue gets no request for six hours, its metrics stop, and
   * an alarm on its messages ends although the messages are still there. The sweep calls this
   * function.
   */
  keepDeadLetterMetrics(): Promise<void>;
  /**
   * Prepares SQS records for their retry after the handler threw. Returns the records that SQS
   * retries: the Lambda function must name them in `batchItemFailures`. All other records are now
   * dead-letter messages.
   */
  retryOrDeadLetter<R extends Pick<ReceivedMessage, 'receiptHandle' | 'body' | 'receiveCount'>>(
    queue: QueueName,
    records: readonly R[],
    error: ErrorReport,
  ): Promise<R[]>;
}
