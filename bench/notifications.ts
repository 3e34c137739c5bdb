import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import amqp from 'amqplib';
import * as z from 'zod';
import { startCloud } from '../test/cloud/cloud.ts';
import { Propagator, rabbitUrl } from '../test/openstack/driver.ts';

/**
 * Measures relay and ingest of a complete propagator with a queue of waiting notifications. The
 * notifications are those of a real Keystone (`events/samples`), repeated with new ids. One
 * customer in a hundred is deleted, so that operations run at the same time. The other customers
 * stay. The propagator asks the Keystone of a rehearsal cloud, so the result does not depend on the
 * speed of a real Keystone. Prints; asserts nothing.
 *
 * `BENCH_FOLDER=existing`: another process creates the data folder before the measurement.
 * `BENCH_MEMORY=small`: the heap is limited as in a container with 512 MB.
 */
const WAITING = Number(process.env.BENCH_NOTIFICATIONS ?? 100_000);
/** A folder for a processor profile of the propagator, which slows it down. */
const PROFILE = process.env.BENCH_PROFILE;
const HAS_FOLDER = process.env.BENCH_FOLDER === 'existing';
const IS_SMALL = process.env.BENCH_MEMORY === 'small';
/** V8 limits its heap to half of the memory of a small container. */
const SMALL_HEAP_MEGABYTES = 256;
const Line = z.object({ body: z.string() });
const Body = z.object({ 'oslo.version': z.string(), 'oslo.message': z.string() });

function recorded(): string[] {
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

/** Returns the notifications of one customer with new ids, as those of another customer. */
function withNewIds(messages: readonly string[]): string[] {
  const ids = new Map<string, string>();
  const renamed = (id: string): string => {
    const known = ids.get(id) ?? randomUUID().replaceAll('-', '');
    ids.set(id, known);
    return known;
  };
  return messages.map((message) => {
    const text = message
      .replace(/[0-9a-f]{32}/g, renamed)
      .replace(/"message_id": "[^"]+"/, `"message_id": "${randomUUID()}"`);
    return JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': text });
  });
}

/** Megabytes of resident memory of a process: now (`VmRSS`), or its peak (`VmHWM`). */
const memory = (pid: number, name: 'VmRSS' | 'VmHWM'): number =>
  Number(new RegExp(`${name}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) /
  1024;

/** Processor seconds that a process has used. The kernel counts them in ticks of 10 ms. */
const processorSeconds = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

export async function benchNotifications(): Promise<void> {
  const cloud = await startCloud();
  const queue = `bench-${randomUUID().slice(0, 8)}`;
  const broker = await amqp.connect(rabbitUrl());
  const channel = await broker.createConfirmChannel();
  const propagator = new Propagator(queue);
  try {
    await channel.assertExchange(queue, 'topic', { durable: false, autoDelete: false });
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, queue, 'notifications.info');
    const messages = recorded();
    const staying = messages.filter(
      (message) => !/identity\.(project|domain)\.deleted/.test(message),
    );
    for (let sent = 0, customer = 0; sent < WAITING; customer += 1) {
      for (const body of withNewIds(customer % 100 === 0 ? messages : staying).slice(
        0,
        WAITING - sent,
      )) {
        channel.publish(queue, 'notifications.info', Buffer.from(body), { deliveryMode: 2 });
        sent += 1;
      }
      if (customer % 100 === 0) await channel.waitForConfirms();
    }
    await channel.waitForConfirms();

    const environment = {
      ...cloud.credentials,
      OS_CLOUD: '',
      RABBITMQ_EXCHANGE: queue,
      PROPAGATOR_LOG_LEVEL: 'warn',
      NODE_OPTIONS: [
        ...(PROFILE ? [`--cpu-prof --cpu-prof-dir=${PROFILE}`] : []),
        ...(IS_SMALL ? [`--max-old-space-size=${SMALL_HEAP_MEGABYTES}`] : []),
      ].join(' '),
    };
    const waiting = async () => (await channel.checkQueue(queue)).messageCount;
    let consumingSince: number | undefined;
    const firstDelivery = (async () => {
      while ((await waiting()) >= WAITING) await delay(50);
      consumingSince = Date.now();
    })();
    if (HAS_FOLDER) {
      await propagator.start({ mode: 'observe', broker: 'none', environment });
      await propagator.stop();
    }
    const readyMillis = await propagator.start({ mode: 'observe', environment });
    await firstDelivery;
    const Status = z.object({
      queues: z.record(
        z.string(),
        z.object({ ready: z.number(), delayed: z.number(), active: z.number() }),
      ),
    });
    const begun = Date.now() - readyMillis;
    const loadBefore = loadavg()[0] ?? 0;
    const atRest = memory(propagator.pid ?? 0, 'VmRSS');
    for (let idlePolls = 0; idlePolls < 3; ) {
      await delay(500);
      // A status request counts the rows of all queues, so it is sent only near the end.
      if ((await waiting()) > 0) continue;
      const { ingest } = Status.parse((await propagator.api('GET', '/v1/status')).json).queues;
      idlePolls = ingest && ingest.ready + ingest.active > 0 ? 0 : idlePolls + 1;
    }
    const seconds = (Date.now() - begun) / 1000 - 1.5;
    const consumingSeconds = (Date.now() - (consumingSince ?? begun)) / 1000 - 1.5;
    const peak = memory(propagator.pid ?? 0, 'VmHWM');
    const processor = processorSeconds(propagator.pid ?? 0);
    const load = `${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`;
    process.stdout.write(
      `notifications   ${WAITING} waiting in RabbitMQ, processed in ${seconds.toFixed(1)} s: ` +
        `${Math.round(WAITING / seconds)} a second (start included), ` +
        `${Math.round(WAITING / consumingSeconds)} a second from the first one on; ` +
        `${processor.toFixed(1)} s of processor time: ${Math.round(WAITING / processor)} a second ` +
        `of it; ${HAS_FOLDER ? 'existing' : 'new'} folder, ${IS_SMALL ? 'small' : 'usual'} ` +
        `memory: ${Math.round(atRest)} MB resident when ready, peak ${Math.round(peak)} MB; ` +
        `load average ${load}\n`,
    );
  } finally {
    await propagator.dispose();
    await channel.deleteQueue(queue);
    await channel.deleteExchange(queue);
    await broker.close();
    await cloud.close();
  }
}

if (import.meta.main) await benchNotifications();
