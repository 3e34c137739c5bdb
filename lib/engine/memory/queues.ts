import { randomUUID } from 'node:crypto';
import {
  type Message,
  type OutgoingMessage,
  type QueueName,
  queueOf,
} from '../../../events/index.ts';
import type { QueueRecord } from '../handle-group.ts';
import { storableMessage } from '../json.ts';

/** A message that waits in a queue, or that a worker handles. */
export interface QueuedMessage extends QueueRecord {
  readonly queue: QueueName;
  /** The number of this message among all messages of the store, in the order of sending. */
  readonly sequence: number;
  /** The message as it was sent. The engine validates it at delivery. */
  readonly message: Message;
  /** True if the message is delivered before those that are not urgent: see `OutgoingMessage`. */
  readonly isUrgent: boolean;
  /** Earliest delivery, in epoch milliseconds. */
  dueAt: number;
  receiveCount: number;
  /** True while a worker handles the message. */
  isActive: boolean;
}

export interface QueueDepth {
  ready: number;
  delayed: number;
  active: number;
}

/** All queues of a store, each in the order of sending. */
export class MemoryQueues {
  readonly #queues = new Map<QueueName, Map<string, QueuedMessage>>();
  #sequence = 0;

  /**
   * Creates a queue if it does not exist, so that {@link depths} lists it. Returns the messages of
   * the queue, by id.
   */
  ensure(queue: QueueName): Map<string, QueuedMessage> {
    const queueMessages = this.#queues.get(queue) ?? new Map<string, QueuedMessage>();
    this.#queues.set(queue, queueMessages);
    return queueMessages;
  }

  send(message: OutgoingMessage, dueAt: number): QueuedMessage {
    return this.put(queueOf(message), storableMessage(message), dueAt, message.isUrgent);
  }

  /** Puts a message body into a queue. This release may be unable to read the body. */
  put(queue: QueueName, body: unknown, dueAt: number, isUrgent = false): QueuedMessage {
    const message = structuredClone(body) as Message;
    const id = randomUUID();
    const sequence = ++this.#sequence;
    const queuedMessage: QueuedMessage = {
      id,
      queue,
      sequence,
      message,
      isUrgent,
      dueAt,
      receiveCount: 0,
      isActive: false,
    };
    this.ensure(queue).set(id, queuedMessage);
    return queuedMessage;
  }

  /**
   * Receives at most `maxMessages` due messages: urgent messages first, then the oldest messages.
   * They remain in the queue as active messages.
   */
  receive(queue: QueueName, maxMessages: number, now: number): QueuedMessage[] {
    const receivedMessages: QueuedMessage[] = [];
    const messages = [...this.ensure(queue).values()];
    const urgentMessages = messages.filter(({ isUrgent }) => isUrgent);
    const otherMessages = messages.filter(({ isUrgent }) => !isUrgent);
    for (const queuedMessage of [...urgentMessages, ...otherMessages]) {
      if (receivedMessages.length >= maxMessages) break;
      if (queuedMessage.isActive || queuedMessage.dueAt > now) continue;
      queuedMessage.isActive = true;
      queuedMessage.receiveCount += 1;
      receivedMessages.push(queuedMessage);
    }
    return receivedMessages;
  }

  delete({ queue, id }: QueuedMessage): void {
    this.#queues.get(queue)?.delete(id);
  }

  /** The messages of all queues, in the order of sending. */
  allMessages(): QueuedMessage[] {
    return [...this.#queues.values()]
      .flatMap((queue) => [...queue.values()])
      .sort((one, other) => one.sequence - other.sequence);
  }

  depths(now: number): Map<QueueName, QueueDepth> {
    const depthOf = (queue: Map<string, QueuedMessage>): QueueDepth => {
      const depth = { ready: 0, delayed: 0, active: 0 };
      for (const { isActive, dueAt } of queue.values())
        depth[isActive ? 'active' : dueAt > now ? 'delayed' : 'ready'] += 1;
      return depth;
    };
    return new Map([...this.#queues].map(([name, queue]) => [name, depthOf(queue)]));
  }
}
