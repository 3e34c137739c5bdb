import { setTimeout as delay } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { brokerFailure } from './failure.ts';
import { findings } from './findings.ts';
import type { RelayOptions } from './options.ts';
import { runSession } from './session.ts';

export interface RelayDeps {
  /**
   * Stores them all in one step, or throws. Nothing is acknowledged to the broker before it has
   * resolved.
   */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  readonly log: Pick<Logger, 'info' | 'warn' | 'error'>;
  /** Epoch milliseconds. */
  now(): number;
}

export interface RelayState {
  /** The broker has let us in and our queue is consumed. */
  readonly connected: boolean;
  /**
   * What is being waited for, in words; also while connected, when Keystone has not made its
   * exchange yet or the store fails.
   */
  readonly waiting: string | undefined;
  /** The last batch could not be stored. */
  readonly storeFailing: boolean;
  /** Epoch milliseconds since when the two above stand. */
  readonly since: number;
  /** Notifications stored since the start. */
  readonly received: number;
  readonly lastReceivedAt: number | undefined;
}

export interface Relay {
  state(): RelayState;
  /** Lets the batch under way be stored and acknowledged; all else stays with the broker. */
  stop(): Promise<void>;
}

/** Never two relays in step: between half of the wait and all of it. */
const jittered = (millis: number): number => millis * (0.5 + Math.random() / 2);

/**
 * Takes notifications from RabbitMQ until stopped. Never throws and never gives up: whatever fails
 * is said in the log and in `state`, and tried again with back-off.
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
  const waitAfter = (count: number): number =>
    jittered(
      Math.min(
        options.backOff.mostMillis,
        options.backOff.firstMillis * 2 ** Math.min(count - 1, 16),
      ),
    );
  const say = (): void => change(state.connected, storeError ?? absent);

  const session = async (url: string): Promise<void> => {
    await runSession(
      url,
      options,
      {
        store: deps.store,
        now: deps.now,
        onStored(count) {
          if (storeFailures > 0)
            deps.log.info({ failures: storeFailures }, 'notifications are stored again');
          storeFailures = 0;
          storeError = undefined;
          state = {
            ...state,
            storeFailing: false,
            received: state.received + count,
            lastReceivedAt: deps.now(),
          };
          say();
        },
        onStoreFailed(thrown) {
          storeFailures += 1;
          state = { ...state, storeFailing: true };
          const error = reportOf(thrown, { code: 'relay.store' });
          storeError = `the store takes no notifications: ${error.message}`;
          if (storeFailures === 1)
            deps.log.error(
              { error },
              'notifications can’t be stored; they stay with the broker, and it is tried again',
            );
          say();
          return waitAfter(storeFailures);
        },
        onConsuming(connection, waiting) {
          failures = 0;
          hasSeenQueue = true;
          change(true, storeError ?? absent);
          // Beside the work: it asks a second door of the broker, which may be closed.
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
                'Keystone has begun to publish: bound',
              );
            else deps.log.warn({ relay: options.source.queue }, `waiting: ${what}`);
          }
          absent = what;
          say();
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
        // The next host is tried at once; the relay waits when all have failed.
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
