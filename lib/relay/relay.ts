import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import type { NotificationReceived } from '../../events/notification.ts';
import { backoffMillis } from '../shared/backoff.ts';
import { reportOf } from '../shared/errors.ts';
import type { Logger } from '../shared/log.ts';
import { brokerFailure } from './failure.ts';
import { brokerFindings } from './findings.ts';
import type { RelayOptions } from './options.ts';
import { runSession, type SessionDeps } from './session.ts';

/** The dependencies of {@link startRelay}. */
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

/** The present state of a relay, for the status. */
export interface RelayState {
  /** True while the relay has a connection to the broker and consumes the queue. */
  readonly connected: boolean;
  /**
   * Why the relay waits, as text; `undefined` if it does not wait. A connected relay waits while
   * the exchange of Keystone is missing, or while the store fails.
   */
  readonly waiting: string | undefined;
  /** True if the last batch could not be stored. */
  readonly storeFailing: boolean;
  /** Epoch milliseconds of the last change of `connected` or `waiting`. */
  readonly since: number;
  /** The number of notifications that were stored since the start. */
  readonly received: number;
  readonly lastReceivedAt: number | undefined;
}

/** A running relay. */
export interface Relay {
  state(): RelayState;
  /** Stores and acknowledges the current batch. All other messages stay with the broker. */
  stop(): Promise<void>;
}

/**
 * Consumes notifications from RabbitMQ until `stop`. Each failure is logged, shown in `state` and
 * retried with back-off.
 */
export const startRelay = (options: RelayOptions, deps: RelayDeps): Relay =>
  new RunningRelay(options, deps);

class RunningRelay implements Relay {
  readonly #options: RelayOptions;
  readonly #deps: RelayDeps;
  readonly #stopController = new AbortController();
  readonly #sessionsEnd: Promise<void>;
  #state: RelayState;
  /** Failed connections since the relay last consumed the queue. */
  #connectionFailures = 0;
  /** True if this process has consumed the queue before. */
  #hasSeenQueue = false;
  /** Failed attempts to store the current batch. */
  #storeFailures = 0;
  #storeError: string | undefined;
  /** The text about the queue or exchange that Keystone has not created yet. */
  #missingText: string | undefined;

  constructor(options: RelayOptions, deps: RelayDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#state = {
      connected: false,
      waiting: 'connecting',
      storeFailing: false,
      since: deps.now(),
      received: 0,
      lastReceivedAt: undefined,
    };
    this.#sessionsEnd = this.#runSessions();
  }

  state(): RelayState {
    return this.#state;
  }

  async stop(): Promise<void> {
    this.#stopController.abort();
    await this.#sessionsEnd;
  }

  async #runSessions(): Promise<void> {
    const { urls } = this.#options;
    const { signal } = this.#stopController;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const url = urls[attempt % urls.length] ?? '';
      try {
        await runSession(url, this.#options, this.#sessionDeps(url), signal);
      } catch (thrown) {
        await this.#waitAfterFailure(thrown, url);
      }
    }
    this.#setState(false, 'stopped');
  }

  async #waitAfterFailure(thrown: unknown, url: string): Promise<void> {
    const { source, urls } = this.#options;
    this.#connectionFailures += 1;
    const { report } = brokerFailure(thrown, source, url, this.#hasSeenQueue);
    // The relay tries the next host immediately. It waits only after every host has failed.
    const hasTriedEveryHost = this.#connectionFailures % urls.length === 0;
    const waitMillis = hasTriedEveryHost
      ? this.#retryDelayMillis(this.#connectionFailures / urls.length)
      : 0;
    if (this.#state.waiting !== report.message)
      this.#deps.log.warn(
        { error: report, againInSeconds: Math.round(waitMillis / 100) / 10 },
        `waiting: ${report.message}`,
      );
    this.#setState(false, report.message);
    const { signal } = this.#stopController;
    await delay(waitMillis, undefined, { signal }).catch(() => undefined);
  }

  #sessionDeps(url: string): SessionDeps {
    return {
      store: (messages) => this.#deps.store(messages),
      now: () => this.#deps.now(),
      onStored: (count) => this.#onStored(count),
      pauseAfterStoreFailure: (thrown) => this.#pauseAfterStoreFailure(thrown),
      onConsuming: (connection, messageCount) => this.#onConsuming(url, connection, messageCount),
      onQueueChecked: (missingText) => this.#onQueueChecked(missingText),
    };
  }

  #onStored(count: number): void {
    if (this.#storeFailures > 0)
      this.#deps.log.info({ failures: this.#storeFailures }, 'storing notifications works again');
    this.#storeFailures = 0;
    this.#storeError = undefined;
    this.#state = {
      ...this.#state,
      storeFailing: false,
      received: this.#state.received + count,
      lastReceivedAt: this.#deps.now(),
    };
    this.#setState(this.#state.connected, this.#missingText);
  }

  #pauseAfterStoreFailure(thrown: unknown): number {
    this.#storeFailures += 1;
    this.#state = { ...this.#state, storeFailing: true };
    const error = reportOf(thrown, { code: 'relay.store' });
    this.#storeError = `notifications cannot be stored: ${error.message}`;
    if (this.#storeFailures === 1)
      this.#deps.log.error(
        { error },
        'notifications cannot be stored; they stay in the queue, and the relay retries',
      );
    this.#setState(this.#state.connected, this.#storeError);
    return this.#retryDelayMillis(this.#storeFailures);
  }

  #onConsuming(url: string, { connection }: ChannelModel, messageCount: number): void {
    this.#connectionFailures = 0;
    this.#hasSeenQueue = true;
    this.#setState(true, this.#storeError ?? this.#missingText);
    // The findings are not awaited, because the management API may be slow.
    brokerFindings(url, this.#options, connection.serverProperties, messageCount)
      .then((findings) => {
        for (const { level, text } of findings) this.#deps.log[level](this.#logFields, text);
      })
      .catch(() => undefined);
  }

  #onQueueChecked(missingText: string | undefined): void {
    if (missingText !== this.#missingText) {
      if (missingText === undefined)
        this.#deps.log.info(this.#logFields, 'the queue can receive the notifications of Keystone');
      else this.#deps.log.warn(this.#logFields, `waiting: ${missingText}`);
    }
    this.#missingText = missingText;
    this.#setState(this.#state.connected, this.#storeError ?? missingText);
  }

  get #logFields(): { readonly relay: string } {
    return { relay: this.#options.source.queue };
  }

  #setState(connected: boolean, waiting: string | undefined): void {
    if (this.#state.connected !== connected || this.#state.waiting !== waiting)
      this.#state = { ...this.#state, connected, waiting, since: this.#deps.now() };
  }

  /**
   * Returns the milliseconds to wait after this number of failures: a random time of at least half
   * the back-off, so that two relays do not retry at the same time.
   */
  #retryDelayMillis(failures: number): number {
    return backoffMillis(failures, this.#options.backOff, 0.5 + Math.random() / 2);
  }
}
