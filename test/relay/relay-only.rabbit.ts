import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';
import { bodyBytes } from '../../lib/account/received.ts';
import { type RelayOnly, startRelayOnly } from '../../lib/app/relay.ts';
import { readBody } from '../../lib/engine/aws/messaging/envelope.ts';
import { DEFAULTS } from '../../lib/relay/options.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import { eventually, RelayFixture } from './relay-fixture.ts';

const Batch = z.object({
  QueueUrl: z.string(),
  Entries: z.array(z.object({ Id: z.string(), MessageBody: z.string() })),
});

/** A fake of SQS. It can be unavailable, or refuse half of the messages. */
class Sqs {
  readonly acceptedBodies: string[] = [];
  readonly #bodies = new Set<string>();
  #readCount = 0;
  readonly #server: Server;
  mode: 'available' | 'unavailable' | 'refuses-half' = 'available';
  calls = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      let text = '';
      request.on('data', (part) => {
        text += part;
      });
      request.on('end', () => {
        this.calls += 1;
        if (this.mode === 'unavailable') return void response.writeHead(503).end();
        const { Entries } = Batch.parse(JSON.parse(text));
        const refused =
          this.mode === 'refuses-half'
            ? Entries.filter((_, index) => (index + this.calls) % 2 === 0)
            : [];
        const accepted = Entries.filter((entry) => !refused.includes(entry));
        this.acceptedBodies.push(...accepted.map(({ MessageBody }) => MessageBody));
        const Failed = refused.map(({ Id }) => ({
          Id,
          Code: 'ServiceUnavailable',
          SenderFault: false,
        }));
        response.end(
          JSON.stringify({
            Successful: accepted.map(({ Id, MessageBody }) => ({
              Id,
              MessageId: Id,
              MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex'),
            })),
            Failed,
          }),
        );
      });
    });
  }
  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/000000000000/propagator-test-ingest`;
  }
  /** The bodies of all notifications that were accepted so far. */
  get bodies(): Set<string> {
    for (const message of this.acceptedBodies.slice(this.#readCount).map(readBody))
      if (message?.type === 'notification.received')
        this.#bodies.add(Buffer.from(bodyBytes(message.data)).toString());
    this.#readCount = this.acceptedBodies.length;
    return this.#bodies;
  }
  get heartbeatCount(): number {
    return this.acceptedBodies.filter((body) => body.includes('"relay.heartbeat"')).length;
  }
  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

let fixture: RelayFixture;
let sqs: Sqs;
let relay: RelayOnly;
beforeEach(async () => {
  fixture = await new RelayFixture().open();
  await fixture.makeExchange();
  sqs = new Sqs();
  relay = await startRelayOnly({
    settings: readSettings({
      PROPAGATOR_INGEST_QUEUE_URL: await sqs.open(),
      PROPAGATOR_PORT: '0',
      RABBITMQ_URL: fixture.proxy.url,
      RABBITMQ_EXCHANGE: fixture.exchange,
      RABBITMQ_QUEUE: fixture.queue,
    }),
    environment: { AWS_REGION: 'eu-central-1' },
    credentials: async () => ({ accessKeyId: 'test', secretAccessKey: 'test' }),
    log: createLogger('silent'),
    heartbeatMillis: 100,
  });
  // The relay connects before its queue is bound to the exchange. Messages that are published in
  // between are lost.
  await eventually('the queue is bound', async () => {
    await fixture.publish('bound?');
    return sqs.bodies.has('bound?');
  });
});
afterEach(async () => {
  sqs.mode = 'available';
  await relay.stop();
  await fixture.close();
  sqs.close();
});

const numberedBodies = (count: number, prefix: string): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}${n}`);
const hasAll = (wanted: readonly string[]) => () => {
  const { bodies } = sqs;
  return wanted.every((body) => bodies.has(body));
};

describe('the relay from RabbitMQ to an SQS queue', () => {
  it('loses nothing while AWS is unavailable: the broker keeps the messages, and the state names the error', async () => {
    await fixture.publish(...numberedBodies(100, 'before'));
    await eventually('the first messages are in the queue', hasAll(numberedBodies(100, 'before')));
    sqs.mode = 'unavailable';
    await fixture.publish(...numberedBodies(2000, 'during'));
    await eventually(
      'the state names the error',
      () => /notifications cannot be stored/.test(relay.state().waiting ?? ''),
      30_000,
    );
    // The relay holds at most as many messages as the prefetch limit.
    expect((await fixture.queueState())?.messages).toBeGreaterThanOrEqual(2000 - DEFAULTS.prefetch);
    expect(sqs.bodies.has('during0')).toBe(false);
    sqs.mode = 'available';
    await eventually(
      'all messages are in the queue',
      hasAll(numberedBodies(2000, 'during')),
      60_000,
    );
    await eventually(
      'the broker queue is empty',
      async () => (await fixture.queueState())?.messages === 0,
    );
    expect(relay.state().waiting).toBeUndefined();
  });

  it('loses nothing when half of every call is refused', async () => {
    sqs.mode = 'refuses-half';
    await fixture.publish(...numberedBodies(500, 'n'));
    await eventually('all messages are in the queue', hasAll(numberedBodies(500, 'n')), 60_000);
    await eventually(
      'the broker queue is empty',
      async () => (await fixture.queueState())?.messages === 0,
    );
  });

  it('sends heartbeats while Keystone sends nothing, and none while the broker is unavailable', async () => {
    await eventually('two heartbeats', () => sqs.heartbeatCount >= 2);
    const health = async () => (await fetch(`http://127.0.0.1:${relay.port}/healthz`)).status;
    expect(await health()).toBe(200);
    fixture.proxy.isOpen = false;
    fixture.proxy.cut();
    await eventually('the relay notices the lost connection', () => !relay.state().connected);
    expect(await health()).toBe(503);
    const countBefore = sqs.heartbeatCount;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(sqs.heartbeatCount - countBefore).toBeLessThanOrEqual(1);
    fixture.proxy.isOpen = true;
    await eventually('more heartbeats', () => sqs.heartbeatCount > countBefore + 2);
  });
});
