import { readFileSync } from 'node:fs';
import { Account } from '../../../../events/account.ts';
import { interpretNotification } from '../../../../lib/account/interpret.ts';
import { readNotification } from '../../../../lib/account/notification.ts';
import { notificationsIn } from '../../../../lib/engine/aws/lambda/event-sources.ts';
import { readBody } from '../../../../lib/engine/aws/messaging/envelope.ts';
import { HEARTBEAT } from '../../../../lib/engine/aws/messaging/relay-sink.ts';
import { SteppedEngine } from '../../../../lib/engine/memory/stepped.ts';
import { ingest } from '../../../../lib/handlers/ingest.ts';

const sample = (name: string): Record<string, unknown> =>
  JSON.parse(
    readFileSync(new URL(`../../../../events/samples/aws/${name}.json`, import.meta.url), 'utf8'),
  );
const typesIn = (event: unknown) =>
  notificationsIn(event, 7)?.map(({ data }) => {
    const reading = readNotification(data);
    return reading.kind === 'notification' ? reading.notification.eventType : reading.reason;
  });
const EVENTS = ['identity.project.created', 'identity.project.deleted', 'identity.user.deleted'];

describe('an event of a broker that invokes Lambda directly', () => {
  it.each([
    ['amazon-mq', 'rabbitmq:keystone-propagator'],
    ['self-managed-kafka', 'kafka:notifications.info'],
  ])('contains the notifications of %s, in their order', (name, source) => {
    expect(typesIn(sample(name))).toEqual(EVENTS);
    const found = notificationsIn(sample(name), 7) ?? [];
    expect(new Set(found.map(({ data }) => data.source))).toEqual(new Set([source]));
    expect(new Set(found.map(({ data }) => data.id)).size).toBe(3);
    expect(found.map(({ data }) => data.receivedAt)).toEqual([7, 7, 7]);
  });

  it('is the same from Amazon MSK as from a self-managed Kafka', () => {
    expect(
      typesIn({ ...sample('self-managed-kafka'), eventSource: 'aws:kafka', eventSourceArn: 'arn' }),
    ).toEqual(EVENTS);
  });

  it('is ingested like the messages of a relay, and its account events are sent', async () => {
    for (const name of ['amazon-mq', 'self-managed-kafka']) {
      const engine = new SteppedEngine();
      const absent = async () => ({ kind: 'absent' }) as const;
      const none = async () => [];
      const keystone = {
        show: absent,
        eachPage: async () => {},
        projects: none,
        domains: none,
        users: none,
        members: none,
        groupMembers: none,
      };
      const deliveries = (notificationsIn(sample(name), 7) ?? []).map((message) => ({
        message,
        receiveCount: 1,
      }));
      // The inventory has the accounts. The deletion of an unknown account would be held.
      await engine.commit({
        accounts: deliveries.flatMap(({ message }) => {
          const reading = readNotification(message.data);
          const meaning =
            reading.kind === 'notification'
              ? interpretNotification(reading.notification, 7)
              : undefined;
          return meaning?.kind === 'account'
            ? [
                {
                  account: Account.parse({ type: meaning.type, id: meaning.id }),
                  seenAt: 1,
                  deletedAt: undefined,
                  members: undefined,
                },
              ]
            : [];
        }),
      });
      const log = { info: () => {}, warn: () => {} };
      await ingest(deliveries, { engine, keystone, log, now: () => engine.time });
      expect(engine.waiting.map(({ message }) => message.type)).toEqual(
        expect.arrayContaining(['account.project.deleted', 'account.user.deleted']),
      );
      expect(engine.quarantineRecords).toEqual([]);
    }
  });

  it('keeps an unreadable body unchanged for the quarantine', () => {
    const garbage = {
      eventSource: 'SelfManagedKafka',
      records: {
        't-0': [
          { topic: 't', value: Buffer.from([0xff, 0]).toString('base64') },
          { topic: 't', value: null },
        ],
      },
    };
    expect(notificationsIn(garbage, 7)).toMatchObject([
      { data: { body: '/wA=', encoding: 'base64' } },
    ]);
    const falsely = {
      eventSource: 'aws:rmq',
      rmqMessagesByQueue: {
        'q::/': [
          { data: 'eA==', basicProperties: { headers: { compression: 'application/x-gzip' } } },
        ],
      },
    };
    expect(notificationsIn(falsely, 7)).toMatchObject([
      { data: { body: 'x', source: 'rabbitmq:q' } },
    ]);
  });

  it.each([
    [{}],
    [undefined],
    [{ eventSource: 'aws:sqs', Records: [] }],
    [{ eventSource: 'aws:rmq' }],
    [sample('sqs')],
  ])('is not recognized in %j', (event) => expect(notificationsIn(event, 7)).toBeUndefined());
});

describe('an event of the ingest queue', () => {
  it('contains notifications, heartbeats and unreadable bodies', () => {
    const { Records } = sample('sqs') as { Records: { body: string }[] };
    const [first, second, third] = Records.map(({ body }) => body);
    expect(readBody(first ?? '')).toMatchObject({ type: 'notification.received' });
    expect(JSON.parse(second ?? '')['detail-type']).toBe(HEARTBEAT);
    expect([readBody(second ?? ''), readBody(third ?? '')]).toEqual([undefined, undefined]);
  });
});
