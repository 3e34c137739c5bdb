import type { QueueReads } from '../../port.ts';
import type { Queues } from '../messaging/queues.ts';
import { type Names, queueNamesOf } from '../names.ts';

/** Reads the approximate numbers of messages from SQS. */
export const queueReads = (
  queues: Queues,
  names: Names,
  services: readonly string[],
): QueueReads => ({
  async hasUnfinished(name) {
    const { ready, active } = await queues.depth(names.queue(name));
    return ready + active > 0;
  },
  async depths() {
    const depths = queueNamesOf(services).map(async (name) => {
      const [depth, dead] = await Promise.all([
        queues.depth(names.queue(name)),
        queues.depth(names.deadLetterQueue(name)),
      ]);
      return [name, { ...depth, dead: dead.ready + dead.active }] as const;
    });
    return Object.fromEntries(await Promise.all(depths));
  },
});
