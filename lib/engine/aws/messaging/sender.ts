import { setTimeout as delay } from 'node:timers/promises';
import { engineError } from '../../engine-error.ts';
import { AwsError } from '../aws-error.ts';
import type { Aws } from '../clients.ts';
import { type Names, SOURCE } from '../names.ts';
import { sendInBatches } from './batches.ts';
import { errorAttribute, type OutboundMessage, toEventBody } from './envelope.ts';
import type { Queues } from './queues.ts';

/** The longest delay that SQS supports. */
const MAX_DELAY_SECONDS = 900;
/**
 * SQS delays by whole seconds only. For a delay of up to this number of seconds, the sender itself
 * waits for the remaining fraction of a second: a service that needs half a second is then listed
 * again after half a second. An operation has about ten such delays. A longer delay is rounded up,
 * and the function does not wait.
 */
export const MAX_EXACT_SECONDS = 3;
/** EventBridge Scheduler accepts an input of at most 256 KB. */
const MAX_SCHEDULED_BYTES = 256 * 1024;

export interface SenderOptions {
  readonly names: Names;
  /** Services that have a queue. */
  readonly services: readonly string[];
  /**
   * The ARN of the role with which EventBridge Scheduler sends to the queues. A delay of more than
   * 15 minutes needs this role.
   */
  readonly schedulerRoleArn?: string | undefined;
}

/**
 * Sends each message to its destination: the bus, a queue (also delayed), a schedule, or a
 * dead-letter queue.
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
   * Throws `engine.queue.unknown` or `engine.scheduler.role` for a message that can never be sent.
   * The caller checks before it writes state.
   */
  check(outbounds: readonly OutboundMessage[], now: number): void {
    const { services, schedulerRoleArn } = this.#options;
    const unroutable = outbounds.find(
      ({ service }) => service !== undefined && !services.includes(service),
    );
    if (unroutable)
      throw engineError(
        'queue.unknown',
        `A message is for the service ${unroutable.service}, which has no queue in this ` +
          'deployment.',
        'Deploy the release that has this service, or add it to the services of this process.',
      );
    if (
      schedulerRoleArn === undefined &&
      outbounds.some((outbound) => isForScheduler(outbound, now))
    )
      throw engineError(
        'scheduler.role',
        'The delay of a message is longer than SQS supports, and no role permits ' +
          'EventBridge Scheduler to send it.',
        'Give this process the ARN of that role; the deployed functions have it.',
      );
  }

  /**
   * Throws if a message could not be sent. The caller may then send all messages again with the
   * same id. Messages may arrive more than once. Takes up to a second for a short delay.
   */
  async send(outbounds: readonly OutboundMessage[], id: string, now: number): Promise<void> {
    const { names } = this.#options;
    const direct = outbounds.filter(
      ({ queue, error }) => queue !== undefined && error === undefined,
    );
    const scheduled = direct.filter((outbound) => isForScheduler(outbound, now));
    await Promise.all([
      this.#toBus(outbounds.filter(({ queue }) => queue === undefined)),
      this.#toQueues(
        outbounds.filter(({ error }) => error !== undefined),
        now,
        names.dead,
      ),
      this.#toQueues(
        direct.filter((outbound) => !scheduled.includes(outbound)),
        now,
        names.queue,
      ),
      // The name of a schedule contains the index of its message, so a retry creates no second
      // schedule.
      ...scheduled.map((outbound) =>
        this.#schedule(outbound, `${id}-${outbounds.indexOf(outbound)}`),
      ),
    ]);
  }

  async #toBus(outbounds: readonly OutboundMessage[]): Promise<void> {
    const { names } = this.#options;
    const entries = outbounds.map(({ type, detail }) => ({
      EventBusName: names.bus,
      Source: SOURCE,
      DetailType: type,
      Detail: detail,
    }));
    const bytesOf = ({ Source, DetailType, Detail }: (typeof entries)[number]) =>
      Source.length + DetailType.length + Buffer.byteLength(Detail);
    const refused = await sendInBatches(entries, bytesOf, async (share) => {
      const { Entries = [] } = await this.#aws.events('PutEvents', { Entries: [...share] });
      return share.flatMap((entry, index) => {
        const result = Entries[index];
        return result?.EventId === undefined
          ? [
              {
                entry,
                why: `${result?.ErrorCode ?? 'no result'} ${result?.ErrorMessage ?? ''}`.trimEnd(),
              },
            ]
          : [];
      });
    });
    if (refused.length > 0)
      throw engineError(
        'bus.refused',
        `EventBridge refused ${refused.length} of ${outbounds.length} events in every ` +
          `attempt: ${refused[0]?.why}`,
        'The propagator tries again. If this continues, check the bus, its policy and the ' +
          'quota of PutEvents.',
      );
  }

  async #toQueues(
    outbounds: readonly OutboundMessage[],
    now: number,
    nameOf: Names['queue'],
  ): Promise<void> {
    const byQueue = Map.groupBy(outbounds, ({ queue = 'coordinate' }) => queue);
    const sending = [...byQueue].flatMap(([queue, group]) =>
      [...Map.groupBy(group, (outbound) => delayOf(outbound, now).waitMillis)].map(
        async ([waitMillis, share]) => {
          // A timer of Node may end up to a millisecond early.
          if (waitMillis > 0) await delay(waitMillis + 1);
          await this.queues.send(
            nameOf(queue),
            share.map((outbound) => ({
              body: toEventBody(outbound),
              delaySeconds: delayOf(outbound, now).seconds,
              ...(outbound.error ? { attributes: { error: errorAttribute(outbound.error) } } : {}),
            })),
          );
        },
      ),
    );
    await Promise.all(sending);
  }

  /**
   * Schedules one delivery of a message, within the minute after `dueAt`. An existing schedule with
   * this name has the same message.
   */
  async #schedule(outbound: OutboundMessage, name: string): Promise<void> {
    const { names, schedulerRoleArn = '' } = this.#options;
    const [queue, undelivered] = await Promise.all([
      this.queues.arn(names.queue(outbound.queue ?? 'coordinate')),
      this.queues.arn(names.undelivered),
    ]);
    const at = new Date(Math.ceil((outbound.dueAt ?? 0) / 1000) * 1000);
    try {
      await this.#aws.scheduler('CreateSchedule', {
        Name: name,
        GroupName: names.scheduleGroup,
        ScheduleExpression: `at(${at.toISOString().slice(0, 19)})`,
        ScheduleExpressionTimezone: 'UTC',
        FlexibleTimeWindow: { Mode: 'OFF' },
        ActionAfterCompletion: 'DELETE',
        Target: {
          Arn: queue,
          RoleArn: schedulerRoleArn,
          Input: toEventBody(outbound),
          DeadLetterConfig: { Arn: undelivered },
        },
      });
    } catch (error) {
      if (!(error instanceof AwsError) || error.name !== 'ConflictException') throw error;
    }
  }
}

/**
 * True if the scheduler must send the message. A notification that is too big for the scheduler
 * arrives after the longest delay of SQS, and its handler delays it again.
 */
const isForScheduler = (outbound: OutboundMessage, now: number): boolean =>
  secondsUntil(outbound, now) > MAX_DELAY_SECONDS &&
  Buffer.byteLength(toEventBody(outbound)) <= MAX_SCHEDULED_BYTES;

/** Returns the delay of the message in SQS, and the time that the sender waits before it sends. */
function delayOf(
  { dueAt = 0 }: OutboundMessage,
  now: number,
): { readonly seconds: number; readonly waitMillis: number } {
  const millis = Math.max(0, dueAt - now);
  return millis > MAX_EXACT_SECONDS * 1000
    ? { seconds: Math.min(MAX_DELAY_SECONDS, Math.ceil(millis / 1000)), waitMillis: 0 }
    : { seconds: Math.floor(millis / 1000), waitMillis: Math.ceil(millis % 1000) };
}

const secondsUntil = ({ dueAt = 0 }: OutboundMessage, now: number): number => (dueAt - now) / 1000;
