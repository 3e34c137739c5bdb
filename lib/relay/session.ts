import { setTimeout as delay } from 'node:timers/promises';
import { type Channel, type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import type { NotificationReceived } from '../../events/notification.ts';
import { isMissing, missing } from './failure.ts';
import { Intake } from './intake.ts';
import type { RelayOptions, Source } from './options.ts';
import type { BrokerTls } from './tls.ts';

export interface SessionDeps {
  store(messages: readonly NotificationReceived[]): Promise<void>;
  now(): number;
  onStored(count: number): void;
  onStoreFailed(thrown: unknown): number;
  /** The queue is there and is consumed. */
  onConsuming(connection: ChannelModel, waiting: number): void;
  /** What Keystone must make first, in words; `undefined` once it is there. */
  onMissing(what: string | undefined): void;
}

const CONNECT_MILLIS = 10_000;
const CLOSE_MILLIS = 2_000;
/**
 * A store that hangs for longer keeps no new connection from being made; what is stored twice then,
 * ingest knows by its message id.
 */
const LET_GO_MILLIS = 30_000;
/**
 * Seconds without a sign of life after which half a connection is given up twice over; the broker's
 * own 60 is long.
 */
const HEARTBEAT_SECONDS = 20;

/**
 * One connection from its beginning to its end: opens the queue, consumes it, keeps it bound.
 * Resolves when `signal` says stop; throws what broke it otherwise. Either way the connection is
 * closed and nothing is consumed any more.
 */
export async function runSession(
  url: string,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  const connection = await connectUnless(signal, url, options.tls);
  if (!connection) return;
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  signal.addEventListener('abort', stop);
  const broken = new Promise<never>((_resolve, reject) => {
    connection.on('error', reject);
    connection.on('close', (error) =>
      reject(error ?? new Error('the broker closed the connection')),
    );
  });
  broken.catch(stop);
  if (signal.aborted) stop();
  const serving = runTask(connection, options, deps, ended.signal);
  try {
    await Promise.race([broken, serving]);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
    // A batch that is being stored is not begun a second time over the next connection.
    await Promise.race([
      serving.catch(() => undefined),
      delay(LET_GO_MILLIS, undefined, { ref: false }),
    ]);
    await Promise.race([
      connection.close().catch(() => undefined),
      delay(CLOSE_MILLIS, undefined, { ref: false }),
    ]);
  }
}

/** A connection, or `undefined` when told to stop meanwhile; one that comes too late is closed. */
async function connectUnless(
  signal: AbortSignal,
  url: string,
  tls: BrokerTls,
): Promise<ChannelModel | undefined> {
  const connecting = connect(withHeartbeat(url), {
    ...tls,
    timeout: CONNECT_MILLIS,
    noDelay: true,
    clientProperties: { connection_name: 'keystone-propagator' },
  });
  const stopped = delay(CONNECT_MILLIS, undefined, { signal, ref: false }).catch(() => undefined);
  const connection = await Promise.race([connecting, stopped]);
  if (connection && !signal.aborted) return connection;
  connecting.then((late) => late.close()).catch(() => undefined);
  if (signal.aborted) return undefined;
  throw new Error(`no answer within ${CONNECT_MILLIS / 1000} s`);
}

async function runTask(
  connection: ChannelModel,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  const { source } = options;
  const waiting = await openQueue(connection, options, deps, signal);
  if (waiting === undefined) return;
  const channel = await connection.createChannel();
  const lost = new Promise<never>((_resolve, reject) => {
    channel.on('error', reject);
    channel.on('close', () => reject(new Error('the broker closed the channel')));
    channel.on('cancel', () => reject(new Error(`queue ${source.queue} was deleted`)));
  });
  lost.catch(() => undefined);
  await channel.prefetch(options.prefetch);
  const intake = new Intake<ConsumeMessage>(channel, options.batch, {
    store: deps.store,
    now: deps.now,
    onStored: deps.onStored,
    onFailed: deps.onStoreFailed,
  });
  // At once: no batch is begun while the last words are exchanged with the broker.
  signal.addEventListener('abort', () => void intake.end(), { once: true });
  try {
    const { consumerTag } = await channel.consume(
      source.queue,
      (message) => message && intake.add(message),
    );
    deps.onConsuming(connection, waiting);
    await Promise.race([lost, keepBound(connection, options, deps, signal)]);
    await Promise.race([lost, channel.cancel(consumerTag)]);
  } finally {
    await intake.end();
  }
}

/**
 * Our own queue is declared; one that Keystone owns is only looked for. Answers how many messages
 * wait, `undefined` if stopped meanwhile.
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
      const { messageCount } = await onChannel(connection, (channel) =>
        source.mode === 'own'
          ? channel.assertQueue(source.queue, { durable: true, arguments: source.arguments })
          : channel.checkQueue(source.queue),
      );
      if (source.mode === 'topic') deps.onMissing(undefined);
      return messageCount;
    } catch (thrown) {
      if (!isMissing(thrown)) throw thrown;
      deps.onMissing(missing(source));
      await delay(options.lookMillis, undefined, { signal }).catch(() => undefined);
    }
  }
  return undefined;
}

/**
 * Binds our queue, and again from time to time, until stopped. The exchange is opened passively:
 * declared with other properties than Keystone's own, it would break Keystone's publishing. While
 * it is missing, what is in the queue is consumed all the same.
 */
async function keepBound(
  connection: ChannelModel,
  options: RelayOptions,
  deps: SessionDeps,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const isThere = await bind(connection, options.source);
    deps.onMissing(isThere ? undefined : missing(options.source));
    await delay(isThere ? options.renewMillis : options.lookMillis, undefined, { signal }).catch(
      () => undefined,
    );
  }
}

async function bind(connection: ChannelModel, source: Source): Promise<boolean> {
  if (source.mode === 'topic') return true;
  try {
    await onChannel(connection, async (channel) => {
      await channel.checkExchange(source.exchange);
      await channel.bindQueue(source.queue, source.exchange, source.routingKey);
    });
    return true;
  } catch (thrown) {
    if (isMissing(thrown)) return false;
    throw thrown;
  }
}

/** On a channel of its own, for a refused call closes the channel that it was made on. */
async function onChannel<T>(
  connection: ChannelModel,
  work: (channel: Channel) => Promise<T>,
): Promise<T> {
  const channel = await connection.createChannel();
  // The call itself rejects with the same error.
  channel.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => {
    channel.on('close', () => resolve());
  });
  const result = await work(channel);
  // Beside the event: amqplib's `close` never settles when the connection is lost while it waits
  // for the broker's answer.
  await Promise.race([channel.close(), closed]);
  return result;
}

function withHeartbeat(url: string): string {
  if (!URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (!parsed.searchParams.has('heartbeat'))
    parsed.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  return parsed.href;
}
