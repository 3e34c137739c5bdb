import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { bodyBytes } from '../../lib/account/received.ts';
import { recorded } from '../unit/account/world.ts';
import { BROKER, BrokerProxy, eventually, RelayWorld } from './world.ts';

let world: RelayWorld;
beforeEach(async () => {
  world = await new RelayWorld().open();
});
afterEach(() => world.close(), 30_000);

const numbered = (count: number, prefix = 'n'): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const has =
  (...bodies: string[]) =>
  () =>
    bodies.every((body) => world.store.bodies.includes(body));
const isDrained = async (): Promise<boolean> => (await world.queueState())?.messages === 0;

describe('between a real RabbitMQ and the store', () => {
  it('of several hosts the next is tried at once, and again when it fails', async () => {
    const other = await new BrokerProxy().open();
    try {
      const gone = new URL(BROKER);
      gone.port = '1';
      const urls = [gone.href, world.proxy.url, other.url];
      // A wait between two hosts would outlast the test.
      const backOff = { firstMillis: 60_000, maxMillis: 60_000 };
      await world.started({ urls, backOff });
      world.proxy.isOpen = false;
      world.proxy.cut();
      await world.publish('over the third host');
      await eventually('stored over the third host', has('over the third host'));
    } finally {
      await other.close();
    }
  });

  it('a virtual host that does not exist is named', async () => {
    const url = new URL(BROKER);
    url.pathname = '/no-such-host';
    const relay = world.start({ urls: [url.href] });
    await eventually('the failure is named', () => relay.state().waiting !== 'connecting');
    expect(relay.state().waiting).toContain('refused the virtual host no-such-host');
  });

  it('what Keystone published is stored, byte by byte and in order, and leaves the queue', async () => {
    const relay = await world.started();
    world.store.stored.length = 0;
    const bodies = recorded('cadf-messagingv2');
    await world.publish(...bodies);
    await eventually('all are stored', () => world.store.bodies.length === bodies.length);
    expect(world.store.bodies).toEqual(bodies);
    expect(
      world.store.stored.every(({ data }) => data.source === 'rabbitmq:notifications.info'),
    ).toBe(true);
    expect(relay.state().lastReceivedAt).toBeGreaterThan(0);
    await relay.stop();
    expect(await world.queueState()).toEqual({ messages: 0, consumers: 0 });
  });

  it('nothing is acknowledged before it is stored: with the store stuck and the connection lost, all is in the queue again', async () => {
    await world.started();
    const { promise, resolve } = Promise.withResolvers<void>();
    world.store.hold = promise;
    await world.publish(...numbered(300));
    await eventually('the relay holds all of them', isDrained);
    world.proxy.isOpen = false;
    world.proxy.cut();
    await eventually(
      'all are back',
      async () => ((await world.queueState())?.messages ?? 0) >= 300,
    );
    resolve();
    world.proxy.isOpen = true;
    await eventually('all are stored', has(...numbered(300)));
    await eventually('the queue is empty', isDrained);
  });

  it('a connection that is lost again and again, at every moment of its beginning, loses nothing', async () => {
    const relay = await world.started();
    const bodies = numbered(3000);
    for (let from = 0; from < bodies.length; from += 25) {
      await world.publish(...bodies.slice(from, from + 25));
      world.proxy.cut();
      // Swept over the time that a connection takes until it consumes, so that each step of it is
      // hit.
      await delay((from / 25) % 40);
    }
    const isComplete = (): boolean => {
      const stored = new Set(world.store.bodies);
      return bodies.every((body) => stored.has(body));
    };
    await eventually('all are stored', isComplete, 30_000);
    await eventually('the queue is empty', isDrained);
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  }, 60_000);

  it('a broker that is away is waited for, in words', async () => {
    const relay = await world.started();
    world.proxy.isOpen = false;
    world.proxy.cut();
    await eventually('it notices', () => !relay.state().connected);
    await world.publish('while away');
    await eventually('it says so', () => /cannot be used/.test(relay.state().waiting ?? ''));
    world.proxy.isOpen = true;
    await eventually('it goes on', has('while away'));
    expect(relay.state().connected).toBe(true);
  });

  it('a store that fails is waited for: nothing is acknowledged, nothing is lost, and it says so', async () => {
    const relay = await world.started({ prefetch: 50 });
    world.store.fails = true;
    await world.publish(...numbered(200));
    await eventually(
      'it says so',
      () => relay.state().waiting === 'notifications cannot be stored: Error: the disk is full',
    );
    const before = world.store.stored.length;
    await eventually('it tries again', () => world.store.calls > 3);
    // Back-pressure: the broker keeps what is beyond the prefetch limit.
    expect((await world.queueState())?.messages).toBe(150);
    expect(world.store.stored).toHaveLength(before);
    world.store.fails = false;
    await eventually('all are stored', has(...numbered(200)));
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  });

  it('a thousand garbage messages are all handed over, whatever is in them', async () => {
    await world.started();
    world.store.stored.length = 0;
    const garbage = Array.from({ length: 1000 }, (_, n) =>
      Buffer.concat([randomBytes(n % 200), Buffer.from([0, 0xff])]),
    );
    await world.publish(...garbage, '', 'after');
    await eventually('all are stored', () => world.store.stored.length === 1002);
    const stored = world.store.stored.map(({ data }) => Buffer.from(bodyBytes(data)));
    expect(
      stored.slice(0, 1000).every((bytes, n) => bytes.equals(garbage[n] ?? Buffer.alloc(0))),
    ).toBe(true);
    expect(new Set(world.store.stored.map(({ data }) => data.id)).size).toBe(1002);
  });

  it('a message too big for a notification is cut and goes on with its size', async () => {
    await world.started();
    world.store.stored.length = 0;
    await world.publish(Buffer.alloc(3 * 1024 * 1024, 'x'), 'after');
    await eventually('both are stored', () => world.store.stored.length === 2);
    expect(world.store.stored[0]?.data).toMatchObject({
      cutFrom: 3 * 1024 * 1024,
      body: 'x'.repeat(64 * 1024),
    });
  });

  it('a body that kombu compressed is inflated; one that only says so is handed over as it is', async () => {
    await world.started();
    world.store.stored.length = 0;
    const headers = { compression: 'application/x-gzip' };
    world.keystone.publish(world.exchange, 'notifications.info', deflateSync('squeezed'), {
      headers,
    });
    world.keystone.publish(world.exchange, 'notifications.info', Buffer.from('not squeezed'), {
      headers,
    });
    await eventually('both are stored', () => world.store.stored.length === 2);
    expect(world.store.bodies).toEqual(['squeezed', 'not squeezed']);
  });

  it('stopping lets the batch under way end, and leaves the rest to the next one', async () => {
    const relay = await world.started({ batch: { size: 10, waitMillis: 20 } });
    world.store.stored.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    world.store.hold = promise;
    await world.publish(...numbered(100));
    await eventually('the relay holds all of them', isDrained);
    const stopped = relay.stop();
    resolve();
    await stopped;
    const done = world.store.stored.length;
    expect(done).toBeLessThanOrEqual(10);
    expect(await world.queueState()).toEqual({ messages: 100 - done, consumers: 0 });
    world.start();
    await eventually('the rest is stored', has(...numbered(100)));
    expect(world.store.bodies.filter((body) => body !== 'bound?')).toHaveLength(100);
  });
});

describe('what belongs to Keystone', () => {
  it('an exchange that is missing is waited for and never made; what is in our queue is taken meanwhile', async () => {
    const relay = world.start();
    await eventually('it says so', () =>
      /exchange .* does not exist yet/.test(relay.state().waiting ?? ''),
    );
    expect(relay.state().connected).toBe(true);
    world.keystone.sendToQueue(world.queue, Buffer.from('already there'));
    await eventually('it is taken', has('already there'));
    await world.makeExchange();
    await eventually('it is bound', () => relay.state().waiting === undefined);
    await world.publish('first');
    await eventually('it arrives', has('first'));
  });

  it('an exchange that was deleted and made anew is bound again without a reconnect', async () => {
    const relay = await world.started();
    await world.keystone.deleteExchange(world.exchange);
    await eventually('it notices', () =>
      /exchange .* does not exist yet/.test(relay.state().waiting ?? ''),
    );
    await world.makeExchange();
    await eventually('it is bound', () => relay.state().waiting === undefined);
    await world.publish('again');
    await eventually('it arrives', has('again'));
  });

  it('a deleted queue of the relay is created and bound again', async () => {
    await world.started();
    await world.keystone.deleteQueue(world.queue);
    await eventually('it arrives', async () => {
      await world.publish('anew');
      return has('anew')();
    });
  });

  it('a queue of ours with other properties is log in words, with what to set, and taken once that is mended', async () => {
    await world.makeExchange();
    await world.keystone.assertQueue(world.queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum' },
    });
    const relay = world.start();
    await eventually('it says so', () =>
      /already exists with other properties: .*x-queue-type/.test(relay.state().waiting ?? ''),
    );
    expect(relay.state().connected).toBe(false);
    expect(world.log.join()).toContain('Set RABBITMQ_QUEUE_TYPE to the type of the queue');
    await world.keystone.deleteQueue(world.queue);
    await eventually('it goes on', () => relay.state().connected);
  });

  it('works over a quorum queue as well', async () => {
    const own = {
      mode: 'own',
      queue: world.queue,
      exchange: world.exchange,
      routingKey: 'notifications.info',
    } as const;
    await world.started({ source: { ...own, arguments: { 'x-queue-type': 'quorum' } } });
    await world.publish(...numbered(150));
    await eventually('all are stored', has(...numbered(150)));
  });

  it('the queue of a topic of its own is waited for, consumed as it is, and never declared', async () => {
    const relay = world.start({ source: { mode: 'topic', queue: world.queue } });
    await eventually('it says so', () =>
      /queue .* does not exist yet; Keystone creates it/.test(relay.state().waiting ?? ''),
    );
    expect(await world.queueState()).toBeUndefined();
    // As Keystone makes it by default: transient, without arguments. Declaring it otherwise would
    // fail.
    await world.keystone.assertQueue(world.queue, { durable: false });
    world.keystone.sendToQueue(world.queue, Buffer.from('from the topic'));
    await eventually('it is taken', has('from the topic'));
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  });
});

describe('what it says', () => {
  it('at the start: the broker, the queue and what waits in it, and what can’t be known', async () => {
    await world.started();
    await eventually('it has spoken', () =>
      world.log.some((line) => line.includes('rabbitmqctl list_policies')),
    );
    const log = world.log.join('\n');
    expect(log).toMatch(/connected to RabbitMQ \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+, virtual host \//);
    expect(log).toMatch(
      /queue relay-test-\w+-queue \(classic, durable, created by the relay\): \d+ waiting messages/,
    );
  });

  it('of a login that is refused names what it needs, and never the password', async () => {
    const url = new URL(world.proxy.url);
    url.password = 'hunter2-secret';
    const relay = world.start({ urls: [url.href] });
    await eventually('it says so', () => /refused the login/.test(relay.state().waiting ?? ''));
    expect(world.log.join()).toContain('Grant the login in RABBITMQ_URL');
    expect(JSON.stringify([relay.state(), world.log])).not.toContain('hunter2');
  });

  it('of a first broker that is dead goes on to the second', async () => {
    await world.makeExchange();
    const relay = world.start({ urls: ['amqp://127.0.0.1:1/', BROKER] });
    await eventually('connected', () => relay.state().connected);
  });
});
