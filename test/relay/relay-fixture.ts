import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import type { NotificationReceived } from '../../events/notification.ts';
import { bodyBytes } from '../../lib/account/received.ts';
import { DEFAULTS, type RelayOptions } from '../../lib/relay/options.ts';
import { type Relay, startRelay } from '../../lib/relay/relay.ts';
import { createLogger } from '../../lib/shared/log.ts';

export const BROKER = process.env.RABBITMQ_URL ?? 'amqp://guest:guest@127.0.0.1:5672/';

/** Waits until `condition` is true. After `maxMillis`, throws an error with the `description`. */
export async function eventually(
  description: string,
  condition: () => boolean | Promise<boolean>,
  maxMillis = 60_000,
): Promise<void> {
  const end = Date.now() + maxMillis;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${maxMillis / 1000} s: ${description}`);
    await delay(20);
  }
}

/**
 * A TCP proxy to the broker. A test can cut its connections, so that the relay sees a broker that
 * fails and returns.
 */
export class BrokerProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  isOpen = true;
  url = '';

  constructor() {
    const { hostname, port } = new URL(BROKER);
    this.#server = createServer((near) => {
      if (!this.isOpen) return near.destroy();
      const far = connectSocket(Number(port || 5672), hostname);
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket);
        socket.on('error', () => other.destroy());
        socket.on('close', () => {
          other.destroy();
          this.#sockets.delete(socket);
        });
        socket.pipe(other);
      }
    });
  }
  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const address = this.#server.address();
    const url = new URL(BROKER);
    url.hostname = '127.0.0.1';
    url.port = String(typeof address === 'object' && address ? address.port : 0);
    this.url = url.href;
    return this;
  }
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** The store of the relay. It can fail, and it can be slow. */
export class Store {
  readonly stored: NotificationReceived[] = [];
  fails = false;
  /** Each call waits for this promise before it stores anything. */
  hold: Promise<void> = Promise.resolve();
  calls = 0;

  store = async (messages: readonly NotificationReceived[]): Promise<void> => {
    this.calls += 1;
    await this.hold;
    if (this.fails) throw new Error('the disk is full');
    this.stored.push(...messages);
  };
  get bodies(): string[] {
    return this.stored.map(({ data }) => Buffer.from(bodyBytes(data)).toString());
  }
}

/**
 * The names of the exchange and the queue, a channel that publishes as Keystone does, a proxy of
 * the broker, a store, and the relays that a test starts.
 */
export class RelayFixture {
  readonly name = `relay-test-${randomUUID().slice(0, 8)}`;
  readonly exchange = `${this.name}-keystone`;
  readonly queue = `${this.name}-queue`;
  readonly proxy = new BrokerProxy();
  readonly store = new Store();
  readonly log: string[] = [];
  readonly #relays: Relay[] = [];
  #connection: ChannelModel | undefined;
  #channel: ConfirmChannel | undefined;

  async open(): Promise<this> {
    await this.proxy.open();
    this.#connection = await connect(BROKER);
    this.#channel = await this.#connection.createConfirmChannel();
    return this;
  }
  get keystone(): ConfirmChannel {
    if (!this.#channel) throw new Error('not open');
    return this.#channel;
  }
  /** Creates the exchange as Keystone does by default: a transient topic exchange. */
  async makeExchange(): Promise<void> {
    await this.keystone.assertExchange(this.exchange, 'topic', { durable: false });
  }
  async publish(...bodies: (string | Buffer)[]): Promise<void> {
    const options = { contentType: 'application/json', contentEncoding: 'utf-8', persistent: true };
    for (const body of bodies)
      this.keystone.publish(this.exchange, 'notifications.info', Buffer.from(body), options);
    await this.keystone.waitForConfirms();
  }
  /**
   * Reads the state of the queue on a separate channel, because a missing queue closes the channel.
   */
  async queueState(
    queue = this.queue,
  ): Promise<{ messages: number; consumers: number } | undefined> {
    const channel = await this.#connection?.createChannel();
    channel?.on('error', () => undefined);
    try {
      const found = await channel?.checkQueue(queue);
      await channel?.close();
      return found && { messages: found.messageCount, consumers: found.consumerCount };
    } catch {
      return undefined;
    }
  }
  options(overrides: Partial<RelayOptions> = {}): RelayOptions {
    return {
      ...DEFAULTS,
      urls: [this.proxy.url],
      source: {
        mode: 'own',
        queue: this.queue,
        exchange: this.exchange,
        routingKey: 'notifications.info',
        arguments: {},
      },
      backOff: { firstMillis: 20, maxMillis: 200 },
      existenceCheckMillis: 50,
      bindingRenewalMillis: 200,
      ...overrides,
    };
  }
  start(overrides: Partial<RelayOptions> = {}): Relay {
    const relay = startRelay(this.options(overrides), {
      store: this.store.store,
      now: Date.now,
      log: createLogger('info', { write: (line: string) => void this.log.push(line) }),
    });
    this.#relays.push(relay);
    return relay;
  }
  /** Starts a relay, and waits until it consumes its queue and the queue is bound. */
  async startBound(overrides: Partial<RelayOptions> = {}): Promise<Relay> {
    await this.makeExchange();
    const relay = this.start(overrides);
    await eventually('the relay is bound', async () => {
      if (!relay.state().connected || relay.state().waiting !== undefined) return false;
      await this.publish('bound?');
      return this.store.bodies.includes('bound?') || (await this.queueState())?.messages !== 0;
    });
    await eventually(
      'the probes are stored',
      async () => (await this.queueState())?.messages === 0 || this.store.fails,
    );
    return relay;
  }
  async close(): Promise<void> {
    this.proxy.isOpen = true;
    this.store.fails = false;
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    await this.keystone.deleteQueue(this.queue);
    await this.keystone.deleteExchange(this.exchange);
    await this.#connection?.close();
    await this.proxy.close();
  }
}
