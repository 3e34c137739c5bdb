import { type ReceiveDeps, storeNotifications } from '../handlers/receive.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { RelayOptions } from './options.ts';
import { type Relay, type RelayDeps, startRelay as start } from './relay.ts';

export type { Relay, RelayState } from './relay.ts';

/**
 * Starts the relay: RabbitMQ's notifications become `notification.received` messages in the engine
 * and are acknowledged after the commit.
 */
export function startRelay(
  options: RelayOptions,
  { engine, log, now }: ReceiveDeps & Pick<RelayDeps, 'log' | 'now'>,
): Relay {
  return start(options, {
    log,
    now,
    async store(messages) {
      if ((await storeNotifications(messages, { engine })) === 'committed') return;
      throw new PropagatorError({
        code: 'relay.store.conflict',
        class: 'Transient',
        message: 'another process stored the same messages at the same time',
        advice: 'The relay retries; no message was acknowledged.',
      });
    },
  });
}
