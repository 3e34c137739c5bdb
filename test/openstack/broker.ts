import { randomUUID } from 'node:crypto';
import amqp from 'amqplib';
import { rabbitUrl } from './driver.ts';

/** Returns Keystone's notification of a deleted project, in Keystone's envelope. */
export const projectDeleted = (projectId: string): string =>
  projectNotification('deleted', projectId);
/**
 * Returns Keystone's notification of a created project. A test sends it before that of the
 * deletion, because the propagator holds the deletion of a project that it has never seen.
 */
export const projectCreated = (projectId: string): string =>
  projectNotification('created', projectId);

function projectNotification(change: 'created' | 'deleted', projectId: string): string {
  const message = {
    message_id: randomUUID(),
    publisher_id: 'identity.somebody',
    event_type: `identity.project.${change}`,
    priority: 'INFO',
    payload: { resource_info: projectId },
    timestamp: new Date().toISOString().replace('T', ' ').replace('Z', ''),
  };
  return JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(message) });
}

async function withChannel<T>(work: (channel: amqp.ConfirmChannel) => Promise<T>): Promise<T> {
  const connection = await amqp.connect(rabbitUrl());
  try {
    const channel = await connection.createConfirmChannel();
    return await work(channel);
  } finally {
    await connection.close();
  }
}

/** Publishes messages to Keystone's exchange. Returns when the broker has confirmed them. */
export async function publish(bodies: readonly (string | Uint8Array)[]): Promise<void> {
  const exchange = process.env.RABBITMQ_EXCHANGE ?? 'keystone';
  const key = process.env.RABBITMQ_ROUTING_KEY ?? 'notifications.info';
  await withChannel(async (channel) => {
    for (const body of bodies)
      channel.publish(exchange, key, Buffer.from(body), {
        contentType: 'application/json',
        deliveryMode: 2,
      });
    await channel.waitForConfirms();
  });
}

/** Puts messages on one queue only: other queues on Keystone's exchange never receive them. */
export async function sendToQueue(
  queue: string,
  bodies: readonly (string | Uint8Array)[],
): Promise<void> {
  await withChannel(async (channel) => {
    for (const body of bodies)
      channel.sendToQueue(queue, Buffer.from(body), {
        contentType: 'application/json',
        deliveryMode: 2,
      });
    await channel.waitForConfirms();
  });
}

export async function deleteQueue(queue: string): Promise<void> {
  await withChannel((channel) => channel.deleteQueue(queue));
}
