import { setTimeout as delay } from 'node:timers/promises';
import { engineError } from '../../engine-error.ts';
import { AwsError } from '../aws-error.ts';
import type { Aws } from '../clients.ts';
import { EVENT_SOURCE, type Names } from '../names.ts';
import { sendInBatches } from './batches.ts';
import { errorAttribute, type OutboundMessage, toEventBody } from './envelope.ts';
import type { Queues } from './queues.ts';

/** The longest delay that SQS supports. */
const MAX_DELAY_SECONDS = 900;
/**
 * SQS supports delays of whole seconds only. For a delay of up to this number of seconds, the
 * sender itself waits for the remaining fraction of a second, and then sends the message. An
 * operation has about ten such delays, for example half a second before a service is listed again.
 * If these delays were rounded up, the operation would take seconds longer. A longer delay is
 * rounded up.
 */
export const MAX_UNROUNDED_DELAY_SECONDS = 3;
/** EventBridge Scheduler accepts an input of at most 256 KB. */
const MAX_SCHEDULED_BYTES = 256 * 1024;

export interface SenderOptions {
  readonly names: Names;
  /** The names of the services that have a queue. */
  readonly services: readonly string[];
  /**
   * The ARN of the role with which EventBridge Scheduler sends to the queues. A delay of more than
   * 15 minutes needs this role.
   */
  readonly schedulerRoleArn?: string | undefined;
}

/**
 * Sends each message to its destination: the bus; for a delayed message, its queue or a schedule;
 * for a dead-letter message, its dead-letter queue.
 */
export class Sender {
  readonly queues: Queues;
  readonly #aws: Pick<Aws, 'events' | 'scheduler'>;
  readonly #options: SenderOptions;

  constructor(aws: Pick<Aws, 'events' | 'scheduler'>, queues: Queues, options: SenderOptions) {
    this.#aws = aws;
    this.queues = queues;
    this.#options = options;
  }

  /**
   * Throws `engine.queue.unknown` or `engine.scheduler.role` for a message that {@link send} could
   * never send. A commit calls this function before it writes any row.
   */
  checkSendable(outboundMessages: readonly OutboundMessage[], now: number): void {
    const { services, schedulerRoleArn } = this.#options;
    const unroutableMessage = outboundMessages.find(
      ({ service }) => service !== undefined && !services.includes(service),
    );
    if (unroutableMessage)
      throw engineError(
        'queue.unknown',
        `A message is for the service ${unroutableMessage.service}, which has no queue in this ` +
          'deployment.',
        'Deploy the release that has this service, or add it to the services of this process.',
      );
    if (
      schedulerRoleArn === undefined &&
      outboundMessages.some((outbound) => isForScheduler(outbound, now))
    )
      throw engineError(
        'scheduler.role',
        'The delay of a message is longer than SQS supports, and no role permits ' +
          'EventBridge Scheduler to send the message.',
        'Give this process the ARN of such a role. The deployed functions have this role.',
      );
  }

  /**
   * Sends all messages. Throws if a message could not be sent; others may have been sent. The
   * caller may then send all of them again with the same `batchId`, and some of them arrive twice.
   * For a short delay, this function waits for up to a second.
   */
  async send(
    outboundMessages: readonly OutboundMessage[],
    batchId: string,
    now: number,
  ): Promise<void> {
    const { names } = this.#options;
    const groups = Map.groupBy(outboundMessages, (outbound) => destinationOf(outbound, now));
    const messagesFor = (destination: Destination) => groups.get(destination) ?? [];
    await Promise.all([
      this.#sendToBus(messagesFor('bus')),
      this.#sendToQueues(messagesFor('dead-letter queue'), now, names.deadLetterQueue),
      this.#sendToQueues(messagesFor('queue'), now, names.queue),
      // The name of a schedule consists of the batch id and the index of the message, so a retry
      // creates no second schedule.
      ...messagesFor('schedule').map((outbound) =>
        this.#schedule(outbound, `${batchId}-${outboundMessages.indexOf(outbound)}`),
      ),
    ]);
  }

  async #sendToBus(outboundMessages: readonly OutboundMessage[]): Promise<void> {
    const { names } = this.#options;
    const entries = outboundMessages.map(({ type, detail }) => ({
      EventBusName: names.bus,
      Source: EVENT_SOURCE,
      DetailType: type,
      Detail: detail,
    }));
    const bytesOf = ({ Source, DetailType, Detail }: (typeof entries)[number]) =>
      Source.length + DetailType.length + Buffer.byteLength(Detail);
    const refusedEntries = await sendInBatches(entries, bytesOf, async (batch) => {
      const { Entries = [] } = await this.#aws.events('PutEvents', { Entries: [...batch] });
      return batch.flatMap((entry, index) => {
        const result = Entries[index];
        return result?.EventId === undefined
          ? [
              {
                entry,
                reason:
                  `${result?.ErrorCode ?? 'no result'} ${result?.ErrorMessage ?? ''}`.trimEnd(),
              },
            ]
          : [];
      });
    });
    if (refusedEntries.length > 0)
      throw engineError(
        'bus.refused',
        `EventBridge refused ${refusedEntries.length} of ${outboundMessages.length} events in ` +
          `every attempt: ${refusedEntries[0]?.reason}`,
        'The propagator tries again. If this continues, check the bus, its policy and the ' +
          'quota of PutEvents.',
      );
  }

  /** Sends messages to their queues. `nameOf` returns the full name of the SQS queue. */
  async #sendToQueues(
    outboundMessages: readonly OutboundMessage[],
    now: number,
    nameOf: Names['queue'],
  ): Promise<void> {
    const messagesByQueue = Map.groupBy(outboundMessages, ({ queue = 'coordinate' }) => queue);
    await Promise.all(
      [...messagesByQueue].flatMap(([queue, messagesOfQueue]) => {
        const messagesByWaitMillis = Map.groupBy(
          messagesOfQueue,
          (outbound) => delayOf(outbound, now).waitMillis,
        );
        return [...messagesByWaitMillis].map(([waitMillis, group]) =>
          this.#sendToQueue(nameOf(queue), group, now, waitMillis),
        );
      }),
    );
  }

  /** Waits, and then sends messages to one SQS queue. */
  async #sendToQueue(
    sqsQueue: string,
    outboundMessages: readonly OutboundMessage[],
    now: number,
    waitMillis: number,
  ): Promise<void> {
    // A timer of Node may fire one millisecond too early.
    if (waitMillis > 0) await delay(waitMillis + 1);
    await this.queues.send(
      sqsQueue,
      outboundMessages.map((outbound) => ({
        body: toEventBody(outbound),
        delaySeconds: delayOf(outbound, now).seconds,
        ...(outbound.error ? { attributes: { error: errorAttribute(outbound.error) } } : {}),
      })),
    );
  }

  /**
   * Creates a schedule that delivers the message within the minute after `dueAt`. If a schedule
   * with this name exists, it was created for the same message.
   */
  async #schedule(outbound: OutboundMessage, name: string): Promise<void> {
    const { names, schedulerRoleArn = '' } = this.#options;
    const [queue, undeliveredQueueArn] = await Promise.all([
      this.queues.arn(names.queue(outbound.queue ?? 'coordinate')),
      this.queues.arn(names.undeliveredQueue),
    ]);
    const dueDate = new Date(Math.ceil((outbound.dueAt ?? 0) / 1000) * 1000);
    try {
      await this.#aws.scheduler('CreateSchedule', {
        Name: name,
        GroupName: names.scheduleGroup,
        ScheduleExpression: `at(${dueDate.toISOString().slice(0, 19)})`,
        ScheduleExpressionTimezone: 'UTC',
        FlexibleTimeWindow: { Mode: 'OFF' },
        ActionAfterCompletion: 'DELETE',
        Target: {
          Arn: queue,
          RoleArn: schedulerRoleArn,
          Input: toEventBody(outbound),
          DeadLetterConfig: { Arn: undeliveredQueueArn },
        },
      });
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConflictException') throw error;
    }
  }
}

type Destination = 'bus' | 'queue' | 'dead-letter queue' | 'schedule';

function destinationOf(outbound: OutboundMessage, now: number): Destination {
  if (outbound.queue === undefined) return 'bus';
  if (outbound.error !== undefined) return 'dead-letter queue';
  return isForScheduler(outbound, now) ? 'schedule' : 'queue';
}

/**
 * True if a schedule must deliver the message. A notification that is too big for a schedule goes
 * to its queue instead, with the longest delay of SQS, and is then handled too early. If Keystone
 * still gives no certain answer, `ingest` delays the notification again.
 */
const isForScheduler = (outbound: OutboundMessage, now: number): boolean =>
  secondsUntilDue(outbound, now) > MAX_DELAY_SECONDS &&
  Buffer.byteLength(toEventBody(outbound)) <= MAX_SCHEDULED_BYTES;

/** Returns the delay of the message in SQS, and the time that the sender waits before it sends. */
function delayOf(
  { dueAt = 0 }: OutboundMessage,
  now: number,
): { readonly seconds: number; readonly waitMillis: number } {
  const millis = Math.max(0, dueAt - now);
  return millis > MAX_UNROUNDED_DELAY_SECONDS * 1000
    ? { seconds: Math.min(MAX_DELAY_SECONDS, Math.ceil(millis / 1000)), waitMillis: 0 }
    : { seconds: Math.floor(millis / 1000), waitMillis: Math.ceil(millis % 1000) };
}

const secondsUntilDue = ({ dueAt = 0 }: OutboundMessage, now: number): number =>
  (dueAt - now) / 1000;
