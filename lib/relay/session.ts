import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { NotificationReceived } from '../../events/notification.ts';
import { describeMissingSource, isNotFoundError } from './failure.ts';
import { Intake } from './intake.ts';
import type { RelayOptions, Source } from './options.ts';
import type { BrokerTls } from './tls.ts';

/** The dependencies of {@link runSession}. */
export interface SessionDeps {
  /** Stores all messages or throws. */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  now(): number;
  /** Called after a batch of `count` notifications was stored. */
  onStored(count: number): void;
  /** Called when the store failed. Returns the milliseconds until the next attempt. */
  pauseAfterStoreFailure(thrown: unknown): number;
  /**
   * Called after the relay has begun to consume the queue. `messageCount`: the number of messages
   * that the queue had before.
   */
  onConsuming(connection: ChannelModel, messageCount: number): void;
  /**
   * Called after each check whether Keystone has created its queue or exchange. `missingText`: the
   * text about the missing queue or exchange; `undefined` if it exists.
   */
  onQueueChecked(missingText: string | undefined): void;
}

/** The longest wait for a connection. */
const CONNECT_TIMEOUT_MILLIS = 10_000;
/** The longest wait for the end of the closing handshake. */
const CLOSE_TIMEOUT_MILLIS = 2_000;
/**
 * How long a reconnect waits until the batch in progress is stored. If the batch takes longer, a
 * message may be stored twice; ingest recognizes the duplicate by its message id.
 */
const STORE_TIMEOUT_MILLIS = 30_000;
/**
 * A dead connection is closed after two heartbeat intervals. With the broker's default interval of
 * 60 s, the relay would receive no notifications for two minutes.
 */
const HEARTBEAT_SECONDS = 20;

/**
 * Runs one connection: declares the queue, consumes it and keeps it bound. Resolves after `signal`
 * has aborted; throws after a failure of the connection. The connection is closed in both cases.
 */
export async function runSession(
  url: string,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  const connection = await connectUnlessStopped(signal, url, options.tls);
  if (!connection) return;
  const sessionEnd = new AbortController();
  const connectionLoss = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject);
    connection.on('close', (error) =>
      reject(error ?? new Error('the broker closed the connection')),
    );
  });
  const consuming = consumeQueue(
    connection,
    options,
    deps,
    AbortSignal.any([signal, sessionEnd.signal]),
  );
  try {
    // `connectionLoss` rejects when the connection fails. `consuming` resolves after `signal` has
    // aborted.
    await Promise.race([connectionLoss, consuming]);
  } finally {
    sessionEnd.abort();
    await closeAfterBatch(connection, consuming);
  }
}

/**
 * Closes the connection after the batch in progress has ended. Otherwise the next connection would
 * store the batch a second time. Never throws.
 */
async function closeAfterBatch(connection: ChannelModel, consuming: Promise<void>): Promise<void> {
  await Promise.race([
    consuming.catch(() => undefined),
    delay(STORE_TIMEOUT_MILLIS, undefined, { ref: false }),
  ]);
  await Promise.race([
    connection.close().catch(() => undefined),
    delay(CLOSE_TIMEOUT_MILLIS, undefined, { ref: false }),
  ]);
}

/**
 * Connects. Returns `undefined` after `signal` has aborted. A connection that is established too
 * late is closed.
 */
async function connectUnlessStopped(
  signal: AbortSignal,
  url: string,
  tls: BrokerTls,
): Promise<ChannelModel | undefined> {
  const connecting = connect(withHeartbeat(url), {
    ...tls,
    timeout: CONNECT_TIMEOUT_MILLIS,
    noDelay: true,
    clientProperties: { connection_name: 'keystone-propagator' },
  });
  const connectTimeout = delay(CONNECT_TIMEOUT_MILLIS, undefined, { signal, ref: false }).catch(
    () => undefined,
  );
  const connection = await Promise.race([connecting, connectTimeout]);
  if (connection && !signal.aborted) return connection;
  connecting.then((lateConnection) => lateConnection.close()).catch(() => undefined);
  if (signal.aborted) return undefined;
  throw new Error(`no answer within ${CONNECT_TIMEOUT_MILLIS / 1000} s`);
}

/**
 * Consumes the queue until `signal` aborts. Throws when the broker closes the channel or deletes
 * the queue.
 */
async function consumeQueue(
  connection: ChannelModel,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  const { source } = options;
  const messageCount = await openQueue(connection, options, deps, signal);
  if (messageCount === undefined) return;
  const channel = await connection.createChannel();
  const channelLoss = new Promise<never>((_resolve, reject) => {
    channel.on('error', reject);
    channel.on('close', () => reject(new Error('the broker closed the channel')));
    channel.on('cancel', () => reject(new Error(`queue ${source.queue} was deleted`)));
  });
  channelLoss.catch(() => undefined);
  await channel.prefetch(options.prefetch);
  const intake = new Intake<ConsumeMessage>(channel, options.batchLimits, {
    store: deps.store,
    now: deps.now,
    onStored: deps.onStored,
    pauseAfterStoreFailure: deps.pauseAfterStoreFailure,
  });
  // The intake ends immediately, so that no batch starts during the closing handshake.
  signal.addEventListener('abort', () => void intake.end(), { once: true });
  try {
    const { consumerTag } = await channel.consume(
      source.queue,
      (message) => message && intake.add(message),
    );
    deps.onConsuming(connection, messageCount);
    await Promise.race([channelLoss, keepQueueBound(connection, options, deps, signal)]);
    await Promise.race([channelLoss, channel.cancel(consumerTag)]);
  } finally {
    await intake.end();
  }
}

/**
 * Declares the relay's own queue, or waits until the queue of a topic exists. Returns the number of
 * messages in the queue; `undefined` after `signal` has aborted.
 */
async function openQueue(
  connection: ChannelModel,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { source } = options;
  while (!signal.aborted) {
    try {
      const { messageCount } = await withNewChannel(connection, (channel) =>
        source.mode === 'own'
          ? channel.assertQueue(source.queue, { durable: true, arguments: source.arguments })
          : channel.checkQueue(source.queue),
      );
      if (source.mode === 'topic') deps.onQueueChecked(undefined);
      return messageCount;
    } catch (thrown) {
      if (!isNotFoundError(thrown)) throw thrown;
      deps.onQueueChecked(describeMissingSource(source));
      await delay(options.existenceCheckMillis, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/**
 * Binds the relay's own queue, and renews the binding until `signal` aborts. The relay never
 * declares the exchange: if the relay declared it with other properties than Keystone, Keystone
 * could no longer publish. The relay also consumes the queue while the exchange is missing.
 */
async function keepQueueBound(
  connection: ChannelModel,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const exchangeExists = await bindQueue(connection, options.source);
    deps.onQueueChecked(exchangeExists ? undefined : describeMissingSource(options.source));
    const waitMillis = exchangeExists ? options.bindingRenewalMillis : options.existenceCheckMillis;
    await delay(waitMillis, undefined, { signal }).catch(() => undefined);
  }
}

/** Binds the relay's own queue to the exchange. Returns false if the exchange does not exist. */
async function bindQueue(connection: ChannelModel, source: Source): Promise<boolean> {
  if (source.mode === 'topic') return true;
  try {
    await withNewChannel(connection, async (channel) => {
      await channel.checkExchange(source.exchange);
      await channel.bindQueue(source.queue, source.exchange, source.routingKey);
    });
    return true;
  } catch (thrown) {
    if (isNotFoundError(thrown)) return false;
    throw thrown;
  }
}

/** Runs `work` on a separate channel, because a refused call closes its channel. */
async function withNewChannel<T>(
  connection: ChannelModel,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.createChannel();
  // The failed call rejects with the same error, so the event needs no handling.
  channel.on('error', () => undefined);
  const channelClose = new Promise<void>((resolve) => {
    channel.on('close', () => resolve());
  });
  const result = await work(channel);
  // amqplib's `close` never settles if the connection is lost during the closing handshake. In that
  // case the event `close` ends the wait.
  await Promise.race([channel.close(), channelClose]);
  return result;
}

function withHeartbeat(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat'))
    parsed.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  return parsed.href;
}
