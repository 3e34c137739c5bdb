import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import amqp from 'amqplib';
import * as z from 'zod';
import { startCloud } from '../test/cloud/cloud.ts';
import { Propagator, rabbitUrl } from '../test/openstack/driver.ts';

/**
 * Measures the relay and the ingest of a whole propagator, with notifications that wait in a queue.
 * The notifications are those of a real Keystone (`events/samples`), repeated with new ids. One
 * customer in a hundred is deleted, so that operations run at the same time. The other customers
 * stay. The propagator asks the Keystone of a rehearsal cloud, so the result does not depend on the
 * speed of a real Keystone. Prints; asserts nothing.
 *
 * `BENCH_FOLDER=existing`: another process creates the data folder before the measurement.
 * `BENCH_MEMORY=small`: the heap is limited as in a container with 512 MB.
 */
const NOTIFICATION_COUNT = Number(process.env.BENCH_NOTIFICATIONS ?? 100_000);
/** A folder for a processor profile of the propagator. The profile slows the propagator down. */
const PROFILE_FOLDER = process.env.BENCH_PROFILE;
const HAS_EXISTING_FOLDER = process.env.BENCH_FOLDER === 'existing';
const HAS_SMALL_HEAP = process.env.BENCH_MEMORY === 'small';
/** V8 limits its heap to half of the memory of a small container. */
const SMALL_HEAP_MEGABYTES = 256;
/** Of this number of customers, one is deleted. */
const CUSTOMERS_PER_DELETION = 100;
const IDLE_POLL_MILLIS = 500;
/**
 * The propagator has ingested all notifications when its queue is empty in this number of polls.
 */
const IDLE_POLLS = 3;

const Line = z.object({ body: z.string() });
const Body = z.object({ 'oslo.version': z.string(), 'oslo.message': z.string() });
const Status = z.object({
  queues: z.record(
    z.string(),
    z.object({ ready: z.number(), delayed: z.number(), active: z.number() }),
  ),
});

/** Returns the notifications that a real Keystone sent about one customer. */
function recordedNotifications(): string[] {
  const lines = readFileSync(
    new URL('../events/samples/keystone/cadf-messagingv2.jsonl', import.meta.url),
    'utf8',
  )
    .trim()
    .split('\n');
  return lines.map(
    (line) => Body.parse(JSON.parse(Line.parse(JSON.parse(line)).body))['oslo.message'],
  );
}

/** Returns copies of the notifications of a customer, with the ids of a new customer. */
function withNewIds(messages: readonly string[]): string[] {
  const newIds = new Map<string, string>();
  const newIdOf = (id: string): string => {
    const newId = newIds.get(id) ?? randomUUID().replaceAll('-', '');
    newIds.set(id, newId);
    return newId;
  };
  return messages.map((message) => {
    const text = message
      .replace(/[0-9a-f]{32}/g, newIdOf)
      .replace(/"message_id": "[^"]+"/, `"message_id": "${randomUUID()}"`);
    return JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': text });
  });
}

/** Returns the resident memory of a process in megabytes: now (`VmRSS`), or its peak (`VmHWM`). */
const residentMegabytes = (pid: number, field: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) /
  1024;

/** Returns the processor seconds that a process has used. The kernel counts ticks of 10 ms. */
const processorSecondsOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

/** Creates an exchange and a queue of this name, and fills the queue with notifications. */
async function publishNotifications(channel: amqp.ConfirmChannel, name: string): Promise<void> {
  await channel.assertExchange(name, 'topic', { durable: false, autoDelete: false });
  await channel.assertQueue(name, { durable: true });
  await channel.bindQueue(name, name, 'notifications.info');
  const deletedCustomer = recordedNotifications();
  const remainingCustomer = deletedCustomer.filter(
    (message) => !/identity\.(project|domain)\.deleted/.test(message),
  );
  for (let sent = 0, customer = 0; sent < NOTIFICATION_COUNT; customer += 1) {
    const isDeleted = customer % CUSTOMERS_PER_DELETION === 0;
    const bodies = withNewIds(isDeleted ? deletedCustomer : remainingCustomer);
    for (const body of bodies.slice(0, NOTIFICATION_COUNT - sent)) {
      channel.publish(name, 'notifications.info', Buffer.from(body), { deliveryMode: 2 });
      sent += 1;
    }
    if (isDeleted) await channel.waitForConfirms();
  }
  await channel.waitForConfirms();
}

/** Waits until the propagator has ingested all notifications. */
async function waitUntilIngested(
  propagator: Propagator,
  countWaiting: () => Promise<number>,
): Promise<void> {
  for (let idlePolls = 0; idlePolls < IDLE_POLLS; ) {
    await delay(IDLE_POLL_MILLIS);
    // A status request counts the rows of all queues, so it is sent only near the end.
    if ((await countWaiting()) > 0) continue;
    const { ingest } = Status.parse((await propagator.api('GET', '/v1/status')).json).queues;
    idlePolls = ingest && ingest.ready + ingest.active > 0 ? 0 : idlePolls + 1;
  }
}

interface Measured {
  /** Seconds from the start of the process until all notifications were ingested. */
  readonly seconds: number;
  /** Seconds from the first delivery until all notifications were ingested. */
  readonly consumingSeconds: number;
  readonly processorSeconds: number;
  readonly megabytesWhenReady: number;
  readonly peakMegabytes: number;
  /** The load average of the machine when the propagator was ready. */
  readonly loadBefore: number;
}

/** Starts the propagator, and measures it until it has ingested all notifications. */
async function measure(
  propagator: Propagator,
  countWaiting: () => Promise<number>,
  environment: Record<string, string>,
): Promise<Measured> {
  let consumingSince: number | undefined;
  const firstDelivery = (async () => {
    while ((await countWaiting()) >= NOTIFICATION_COUNT) await delay(50);
    consumingSince = Date.now();
  })();
  if (HAS_EXISTING_FOLDER) {
    await propagator.start({ mode: 'observe', broker: 'none', environment });
    await propagator.stop();
  }
  const readyMillis = await propagator.start({ mode: 'observe', environment });
  await firstDelivery;
  const begunAt = Date.now() - readyMillis;
  const loadBefore = loadavg()[0] ?? 0;
  const megabytesWhenReady = residentMegabytes(propagator.pid ?? 0, 'VmRSS');
  await waitUntilIngested(propagator, countWaiting);
  const endedAt = Date.now() - IDLE_POLLS * IDLE_POLL_MILLIS;
  return {
    seconds: (endedAt - begunAt) / 1000,
    consumingSeconds: (endedAt - (consumingSince ?? begunAt)) / 1000,
    processorSeconds: processorSecondsOf(propagator.pid ?? 0),
    megabytesWhenReady,
    peakMegabytes: residentMegabytes(propagator.pid ?? 0, 'VmHWM'),
    loadBefore,
  };
}

function printMeasured(measured: Measured): void {
  const { seconds, consumingSeconds, processorSeconds, loadBefore } = measured;
  const load = `${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`;
  process.stdout.write(
    `notifications   ${NOTIFICATION_COUNT} waiting in RabbitMQ, processed in ${seconds.toFixed(1)} s: ` +
      `${Math.round(NOTIFICATION_COUNT / seconds)} a second (start included), ` +
      `${Math.round(NOTIFICATION_COUNT / consumingSeconds)} a second from the first delivery on; ` +
      `${processorSeconds.toFixed(1)} s of processor time: ` +
      `${Math.round(NOTIFICATION_COUNT / processorSeconds)} per second of processor time; ` +
      `${HAS_EXISTING_FOLDER ? 'existing' : 'new'} folder, ${HAS_SMALL_HEAP ? 'small' : 'usual'} memory: ` +
      `${Math.round(measured.megabytesWhenReady)} MB resident when ready, peak ` +
      `${Math.round(measured.peakMegabytes)} MB; load average ${load}\n`,
  );
}

export async function benchNotifications(): Promise<void> {
  const cloud = await startCloud();
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const broker = await amqp.connect(rabbitUrl());
  const channel = await broker.createConfirmChannel();
  const propagator = new Propagator(name);
  try {
    await publishNotifications(channel, name);
    const environment = {
      ...cloud.credentials,
      OS_CLOUD: '',
      RABBITMQ_EXCHANGE: name,
      PROPAGATOR_LOG_LEVEL: 'warn',
      NODE_OPTIONS: [
        ...(PROFILE_FOLDER ? [`--cpu-prof --cpu-prof-dir=${PROFILE_FOLDER}`] : []),
        ...(HAS_SMALL_HEAP ? [`--max-old-space-size=${SMALL_HEAP_MEGABYTES}`] : []),
      ].join(' '),
    };
    const countWaiting = async () => (await channel.checkQueue(name)).messageCount;
    printMeasured(await measure(propagator, countWaiting, environment));
  } finally {
    await propagator.dispose();
    await channel.deleteQueue(name);
    await channel.deleteExchange(name);
    await broker.close();
    await cloud.close();
  }
}

if (import.meta.main) await benchNotifications();
