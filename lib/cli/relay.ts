import { startRelayOnly } from '../app/relay.ts';
import { addressOf } from '../relay/options.ts';
import { createLogger } from '../shared/log.ts';
import { readSettings } from '../shared/settings.ts';
import { handleUnhandledErrors, runUntilSignal } from './process.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Runs only the relay until SIGTERM or SIGINT. The relay sends the notifications to an SQS queue.
 * Throws `PropagatorError` when a setting is wrong.
 */
export async function relay(environment: Environment): Promise<void> {
  const settings = readSettings(environment);
  const log = createLogger(settings.PROPAGATOR_LOG_LEVEL);
  const removeErrorHandlers = handleUnhandledErrors(log);
  const running = await startRelayOnly({ settings, environment, log });
  log.info(
    {
      ...addressOf(settings.RABBITMQ_URL?.[0] ?? ''),
      queue: settings.PROPAGATOR_INGEST_QUEUE_URL,
      health: `http://127.0.0.1:${running.port}/healthz`,
    },
    'the relay has started',
  );
  await runUntilSignal(() => running.stop(), log);
  removeErrorHandlers();
}
