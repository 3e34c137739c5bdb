import { setTimeout as delay } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import { backoffMillis } from '../shared/backoff.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { brokerFailure } from './failure.ts';
import { findings } from './findings.ts';
import type { RelayOptions } from './options.ts';
import { runSession } from './session.ts';

export interface RelayDeps {
  /**
   * Stores all messages in one step, or throws. The relay acknowledges the messages after this
   * resolves.
   */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Epoch milliseconds. */
  now(): number;
}

export interface RelayState {
  /** The broker accepted the connection, and the relay consumes the queue. */
  readonly connected: boolean;
  /**
   * The cause of a wait, as text. A connected relay waits while the exchange of Keystone is
   * missing, or while the store fails.
   */
  readonly waiting: string | undefined;
  /** The last batch could not be stored. */
  readonly storeFailing: boolean;
  /** Epoch milliseconds of the last change of `connected` or `waiting`. */
  readonly since: number;
  /** Notifications stored since the start. */
  readonly received: number;
  readonly lastReceivedAt: number | undefined;
}

export interface Relay {
  state(): RelayState;
  /** Stores and acknowledges the current batch. All other messages stay with the broker. */
  stop(): Promise<void>;
}

/**
 * Consumes notifications from RabbitMQ until `stop`. Each failure is logged, shown in `state` and
 * retried with back-off.
 */
export function startRelay(options: RelayOptions, deps: RelayDeps): Relay {
  const stopping = new AbortController();
  const { signal } = stopping;
  let state: RelayState = {
    connected: false,
    waiting: 'connecting',
    storeFailing: false,
    since: deps.now(),
    received: 0,
    lastReceivedAt: undefined,
  };
  let failures = 0;
  let hasSeenQueue = false;
  let storeFailures = 0;
  let absent: string | undefined;
  let storeError: string | undefined;

  const change = (connected: boolean, waiting: string | undefined): void => {
    if (state.connected !== connected || state.waiting !== waiting)
      state = { ...state, connected, waiting, since: deps.now() };
  };
  /**
   * A random time of at least half the back-off, so that two relays do not retry at the same time.
   */
  const waitAfter = (count: number): number =>
    backoffMillis(count, options.backOff, 0.5 + Math.random() / 2);
  const updateState = (): void => change(state.connected, storeError ?? absent);

  const session = async (url: string): Promise<void> => {
    await runSession(
      url,
      options,
      {
        store: deps.store,
        now: deps.now,
        onStored(count) {
          if (storeFailures > 0)
            deps.log.info({ failures: storeFailures }, 'storing notifications works again');
          storeFailures = 0;
          storeError = undefined;
          state = {
            ...state,
            storeFailing: false,
            received: state.received + count,
            lastReceivedAt: deps.now(),
          };
          updateState();
        },
        pauseAfterStoreFailure(thrown) {
          storeFailures += 1;
          state = { ...state, storeFailing: true };
          const error = reportOf(thrown, { code: 'relay.store' });
          storeError = `notifications cannot be stored: ${error.message}`;
          if (storeFailures === 1)
            deps.log.error(
              { error },
              'notifications cannot be stored; they stay in the queue, and the relay retries',
            );
          updateState();
          return waitAfter(storeFailures);
        },
        onConsuming(connection, waiting) {
          failures = 0;
          hasSeenQueue = true;
          change(true, storeError ?? absent);
          // The findings are not awaited, because the management API may be slow.
          findings(url, options, connection.connection.serverProperties, waiting)
            .then((lines) =>
              lines.forEach((line) => {
                deps.log[line.level]({ relay: options.source.queue }, line.text);
              }),
            )
            .catch(() => undefined);
        },
        onMissing(what) {
          if (what !== absent) {
            if (what === undefined)
              deps.log.info(
                { relay: options.source.queue },
                'the queue is bound to the exchange of Keystone',
              );
            else deps.log.warn({ relay: options.source.queue }, `waiting: ${what}`);
          }
          absent = what;
          updateState();
        },
      },
      signal,
    );
  };

  const run = async (): Promise<void> => {
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const url = options.urls[attempt % options.urls.length] ?? '';
      try {
        await session(url);
      } catch (thrown) {
        failures += 1;
        const { report } = brokerFailure(thrown, options.source, url, hasSeenQueue);
        // The relay tries the next host immediately, and waits after all hosts have failed.
        const hosts = options.urls.length;
        const wait = failures % hosts === 0 ? waitAfter(failures / hosts) : 0;
        if (state.waiting !== report.message)
          deps.log.warn(
            { error: report, againInSeconds: Math.round(wait / 100) / 10 },
            `waiting: ${report.message}`,
          );
        change(false, report.message);
        await delay(wait, undefined, { signal }).catch(() => undefined);
      }
    }
    change(false, 'stopped');
  };
  const running = run();
  return {
    state: () => state,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
