import type { Engine } from '../lib/engine/port.ts';
import { PropagatorError } from '../lib/errors.ts';
import type { RelayOptions } from '../lib/relay/options.ts';
import { type Relay, type RelayPorts, startRelay as start } from '../lib/relay/relay.ts';

export type { Relay, RelayState } from '../lib/relay/relay.ts';

/** Starts the relay: notifications of RabbitMQ become `notification.received` in the engine, and are acknowledged once they are committed there. */
export function startRelay(
  options: RelayOptions,
  { engine, log, now }: { engine: Pick<Engine, 'commit'> } & Pick<RelayPorts, 'log' | 'now'>,
): Relay {
  return start(options, {
    log,
    now,
    async store(messages) {
      if ((await engine.commit({ messages })) === 'committed') return;
      throw new PropagatorError({
        code: 'relay.store.conflict',
        class: 'Transient',
        message: 'the store says that somebody else wrote the same messages',
        advice: 'It is tried again; nothing was acknowledged.',
      });
    },
  });
}
