import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateSync } from 'node:zlib';
import { bodyBytes } from '../../lib/account/received.ts';
import { recordedBodies } from '../unit/account/ingest-fixture.ts';
import { BROKER, BrokerProxy, eventually, RelayFixture } from './relay-fixture.ts';

let fixture: RelayFixture;
beforeEach(async () => {
  fixture = await new RelayFixture().open();
});
afterEach(() => fixture.close(), 30_000);

const numberedBodies = (count: number, prefix = 'n'): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const isStored =
  (...bodies: string[]) =>
  () =>
    bodies.every((body) => fixture.store.bodies.includes(body));
const isDrained = async (): Promise<boolean> => (await fixture.queueState())?.messages === 0;

describe('the relay between RabbitMQ and the store', () => {
  it('tries the next of several hosts at once, and fails over again', async () => {
    const other = await new BrokerProxy().open();
    try {
      const unreachable = new URL(BROKER);
      unreachable.port = '1';
      const urls = [unreachable.href, fixture.proxy.url, other.url];
      // A wait between two hosts would outlast the test.
      const backOff = { firstMillis: 60_000, maxMillis: 60_000 };
      await fixture.startBound({ urls, backOff });
      fixture.proxy.isOpen = false;
      fixture.proxy.cut();
      await fixture.publish('over the third host');
      await eventually('stored over the third host', isStored('over the third host'));
    } finally {
      await other.close();
    }
  });

  it('names a virtual host that does not exist', async () => {
    const url = new URL(BROKER);
    url.pathname = '/no-such-host';
    const relay = fixture.start({ urls: [url.href] });
    await eventually('the failure is named', () => relay.state().waiting !== 'connecting');
    expect(relay.state().waiting).toContain('refused the virtual host no-such-host');
  });

  it('stores published notifications unchanged and in order, and removes them from the queue', async () => {
    const relay = await fixture.startBound();
    fixture.store.stored.length = 0;
    const bodies = recordedBodies('cadf-messagingv2');
    await fixture.publish(...bodies);
    await eventually('all are stored', () => fixture.store.bodies.length === bodies.length);
    expect(fixture.store.bodies).toEqual(bodies);
    expect(
      fixture.store.stored.every(({ data }) => data.source === 'rabbitmq:notifications.info'),
    ).toBe(true);
    expect(relay.state().lastReceivedAt).toBeGreaterThan(0);
    await relay.stop();
    expect(await fixture.queueState()).toEqual({ messages: 0, consumers: 0 });
  });

  it('acknowledges no message before it is stored: after a lost connection all messages are in the queue', async () => {
    await fixture.startBound();
    const { promise, resolve } = Promise.withResolvers<void>();
    fixture.store.hold = promise;
    await fixture.publish(...numberedBodies(300));
    await eventually('the relay holds all of them', isDrained);
    fixture.proxy.isOpen = false;
    fixture.proxy.cut();
    await eventually(
      'all are back',
      async () => ((await fixture.queueState())?.messages ?? 0) >= 300,
    );
    resolve();
    fixture.proxy.isOpen = true;
    await eventually('all are stored', isStored(...numberedBodies(300)));
    await eventually('the queue is empty', isDrained);
  });

  it('loses no message when the connection is lost repeatedly, at any time during its start', async () => {
    const relay = await fixture.startBound();
    const bodies = numberedBodies(3000);
    for (let from = 0; from < bodies.length; from += 25) {
      await fixture.publish(...bodies.slice(from, from + 25));
      fixture.proxy.cut();
      // The delays cover the time from the connection to the first message, so that a cut hits each
      // step.
      await delay((from / 25) % 40);
    }
    const isComplete = (): boolean => {
      const stored = new Set(fixture.store.bodies);
      return bodies.every((body) => stored.has(body));
    };
    await eventually('all are stored', isComplete, 30_000);
    await eventually('the queue is empty', isDrained);
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  });

  it('waits for an unavailable broker, and the state names the failure', async () => {
    const relay = await fixture.startBound();
    fixture.proxy.isOpen = false;
    fixture.proxy.cut();
    await eventually('the relay notices the failure', () => !relay.state().connected);
    await fixture.publish('while away');
    await eventually('the state names the failure', () =>
      /cannot be used/.test(relay.state().waiting ?? ''),
    );
    fixture.proxy.isOpen = true;
    await eventually('the relay continues', isStored('while away'));
    expect(relay.state().connected).toBe(true);
  });

  it('waits for a failing store: it acknowledges and loses no message, and the state names the failure', async () => {
    const relay = await fixture.startBound({ prefetch: 50 });
    fixture.store.fails = true;
    await fixture.publish(...numberedBodies(200));
    await eventually(
      'the state names the failure',
      () => relay.state().waiting === 'notifications cannot be stored: Error: the disk is full',
    );
    const before = fixture.store.stored.length;
    await eventually('the relay retries', () => fixture.store.calls > 3);
    // Back-pressure: the broker keeps all messages beyond the prefetch limit.
    expect((await fixture.queueState())?.messages).toBe(150);
    expect(fixture.store.stored).toHaveLength(before);
    fixture.store.fails = false;
    await eventually('all are stored', isStored(...numberedBodies(200)));
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  });

  it('stores a thousand messages with random bytes', async () => {
    await fixture.startBound();
    fixture.store.stored.length = 0;
    const garbage = Array.from({ length: 1000 }, (_, n) =>
      Buffer.concat([randomBytes(n % 200), Buffer.from([0, 0xff])]),
    );
    await fixture.publish(...garbage, '', 'after');
    await eventually('all are stored', () => fixture.store.stored.length === 1002);
    const stored = fixture.store.stored.map(({ data }) => Buffer.from(bodyBytes(data)));
    expect(
      stored.slice(0, 1000).every((bytes, n) => bytes.equals(garbage[n] ?? Buffer.alloc(0))),
    ).toBe(true);
    expect(new Set(fixture.store.stored.map(({ data }) => data.id)).size).toBe(1002);
  });

  it('cuts a message that is too large, and records its size', async () => {
    await fixture.startBound();
    fixture.store.stored.length = 0;
    await fixture.publish(Buffer.alloc(3 * 1024 * 1024, 'x'), 'after');
    await eventually('both are stored', () => fixture.store.stored.length === 2);
    expect(fixture.store.stored[0]?.data).toMatchObject({
      cutFrom: 3 * 1024 * 1024,
      body: 'x'.repeat(64 * 1024),
    });
  });

  it('decompresses a body of kombu, and stores a body with a wrong header unchanged', async () => {
    await fixture.startBound();
    fixture.store.stored.length = 0;
    const headers = { compression: 'application/x-gzip' };
    fixture.keystone.publish(fixture.exchange, 'notifications.info', deflateSync('squeezed'), {
      headers,
    });
    fixture.keystone.publish(fixture.exchange, 'notifications.info', Buffer.from('not squeezed'), {
      headers,
    });
    await eventually('both are stored', () => fixture.store.stored.length === 2);
    expect(fixture.store.bodies).toEqual(['squeezed', 'not squeezed']);
  });

  it('finishes the current batch when it stops, and leaves all other messages in the queue', async () => {
    const relay = await fixture.startBound({ batchLimits: { size: 10, waitMillis: 20 } });
    fixture.store.stored.length = 0;
    const { promise, resolve } = Promise.withResolvers<void>();
    fixture.store.hold = promise;
    await fixture.publish(...numberedBodies(100));
    await eventually('the relay holds all of them', isDrained);
    const stopped = relay.stop();
    resolve();
    await stopped;
    const done = fixture.store.stored.length;
    expect(done).toBeLessThanOrEqual(10);
    expect(await fixture.queueState()).toEqual({ messages: 100 - done, consumers: 0 });
    fixture.start();
    await eventually('the rest is stored', isStored(...numberedBodies(100)));
    expect(fixture.store.bodies.filter((body) => body !== 'bound?')).toHaveLength(100);
  });
});

describe('a relay and its broker', () => {
  it('while the exchange of Keystone is missing, the relay does not declare it, and consumes its queue', async () => {
    const relay = fixture.start();
    await eventually('the state names the failure', () =>
      /exchange .* does not exist yet/.test(relay.state().waiting ?? ''),
    );
    expect(relay.state().connected).toBe(true);
    fixture.keystone.sendToQueue(fixture.queue, Buffer.from('already there'));
    await eventually('the message is stored', isStored('already there'));
    await fixture.makeExchange();
    await eventually('the queue is bound', () => relay.state().waiting === undefined);
    await fixture.publish('first');
    await eventually('the message arrives', isStored('first'));
  });

  it('a recreated exchange of Keystone is bound again without a new connection', async () => {
    const relay = await fixture.startBound();
    await fixture.keystone.deleteExchange(fixture.exchange);
    await eventually('the relay notices the failure', () =>
      /exchange .* does not exist yet/.test(relay.state().waiting ?? ''),
    );
    await fixture.makeExchange();
    await eventually('the queue is bound', () => relay.state().waiting === undefined);
    await fixture.publish('again');
    await eventually('the message arrives', isStored('again'));
  });

  it('a deleted queue of the relay is created and bound again', async () => {
    await fixture.startBound();
    await fixture.keystone.deleteQueue(fixture.queue);
    await eventually('the message arrives', async () => {
      await fixture.publish('anew');
      return isStored('anew')();
    });
  });

  it('an existing queue with other properties is reported with the setting, and is used after the correction', async () => {
    await fixture.makeExchange();
    await fixture.keystone.assertQueue(fixture.queue, {
      durable: true,
      arguments: { 'x-queue-type': 'quorum' },
    });
    const relay = fixture.start();
    await eventually('the state names the failure', () =>
      /already exists with other properties: .*x-queue-type/.test(relay.state().waiting ?? ''),
    );
    expect(relay.state().connected).toBe(false);
    expect(fixture.log.join()).toContain('Set RABBITMQ_QUEUE_TYPE to the type of the queue');
    await fixture.keystone.deleteQueue(fixture.queue);
    await eventually('the relay continues', () => relay.state().connected);
  });

  it('the queue of the relay may be a quorum queue', async () => {
    const own = {
      mode: 'own',
      queue: fixture.queue,
      exchange: fixture.exchange,
      routingKey: 'notifications.info',
    } as const;
    await fixture.startBound({ source: { ...own, arguments: { 'x-queue-type': 'quorum' } } });
    await fixture.publish(...numberedBodies(150));
    await eventually('all are stored', isStored(...numberedBodies(150)));
  });

  it('the relay waits for a topic queue of Keystone, consumes it and never declares it', async () => {
    const relay = fixture.start({ source: { mode: 'topic', queue: fixture.queue } });
    await eventually('the state names the failure', () =>
      /queue .* does not exist yet; Keystone creates it/.test(relay.state().waiting ?? ''),
    );
    expect(await fixture.queueState()).toBeUndefined();
    // By default, Keystone declares a topic queue as transient and without arguments. A declaration
    // with other properties would fail.
    await fixture.keystone.assertQueue(fixture.queue, { durable: false });
    fixture.keystone.sendToQueue(fixture.queue, Buffer.from('from the topic'));
    await eventually('the message is stored', isStored('from the topic'));
    expect(relay.state()).toMatchObject({ connected: true, waiting: undefined });
  });
});

describe('the log of a relay', () => {
  it('names the broker, the queue with its number of messages, and the checks that failed', async () => {
    await fixture.startBound();
    await eventually('the findings are logged', () =>
      fixture.log.some((line) => line.includes('rabbitmqctl list_policies')),
    );
    const log = fixture.log.join('\n');
    expect(log).toMatch(/connected to RabbitMQ \d+\.\d+\.\d+ at 127\.0\.0\.1:\d+, virtual host \//);
    expect(log).toMatch(
      /queue relay-test-\w+-queue \(classic, durable, created by the relay\): \d+ waiting messages/,
    );
  });

  it('names the permissions for a refused login, and never the password', async () => {
    const url = new URL(fixture.proxy.url);
    url.password = 'hunter2-secret';
    const relay = fixture.start({ urls: [url.href] });
    await eventually('the state names the failure', () =>
      /refused the login/.test(relay.state().waiting ?? ''),
    );
    expect(fixture.log.join()).toContain('Grant the login in RABBITMQ_URL');
    expect(JSON.stringify([relay.state(), fixture.log])).not.toContain('hunter2');
  });

  it('shows that the relay connects to the second broker if the first does not answer', async () => {
    await fixture.makeExchange();
    const relay = fixture.start({ urls: ['amqp://127.0.0.1:1/', BROKER] });
    await eventually('connected', () => relay.state().connected);
  });
});
