import type { NotificationReceived } from '../../../../events/notification.ts';
import { notificationReceived } from '../../../../lib/account/received.ts';
import { startRelayOnly } from '../../../../lib/app/relay.ts';
import { AwsError } from '../../../../lib/engine/aws/aws-error.ts';
import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import { readBody } from '../../../../lib/engine/aws/messaging/envelope.ts';
import { HEARTBEAT, queueSink } from '../../../../lib/engine/aws/messaging/relay-sink.ts';
import { createLogger } from '../../../../lib/shared/log.ts';
import { readSettings } from '../../../../lib/shared/settings.ts';

const URL = 'https://sqs.eu-central-1.amazonaws.com/123456789012/propagator-prod-ingest';
interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
}
type Answer = { Successful?: { Id: string }[]; Failed?: { Id: string; Code: string }[] };
const all = (entries: readonly Entry[]): Answer => ({
  Successful: entries.map(({ Id }) => ({ Id })),
});

/** A queue that answers with `answer`, and stores the accepted messages. */
function queue(answer: (entries: readonly Entry[], call: number) => Answer = all) {
  const calls: (readonly Entry[])[] = [];
  const stored: string[] = [];
  const sqs = async (
    action: string,
    { QueueUrl, Entries }: { QueueUrl: string; Entries: Entry[] },
  ) => {
    expect([action, QueueUrl]).toEqual(['SendMessageBatch', URL]);
    calls.push(Entries);
    const result = answer(Entries, calls.length);
    for (const { Id } of result.Successful ?? [])
      stored.push(Entries.find((entry) => entry.Id === Id)?.MessageBody ?? '');
    return result;
  };
  return { calls, stored, sink: queueSink({ sqs: sqs as unknown as Aws['sqs'] }, URL, () => 5) };
}
const received = (count: number, body = 'n'): NotificationReceived[] =>
  Array.from({ length: count }, (_, n) =>
    notificationReceived(Buffer.from(`${body}${n}`), {
      id: `id-${n}`,
      source: 'rabbitmq:x',
      receivedAt: 5,
    }),
  );

describe('the ingest queue as the sink of a relay', () => {
  it('receives the messages that ingest reads, ten in a call', async () => {
    const { sink, calls, stored } = queue();
    const messages = received(25);
    await sink.store(messages);
    expect(calls.map((entries) => entries.length)).toEqual([10, 10, 5]);
    expect(stored.map(readBody)).toEqual(messages);
  });

  it('receives at most a mebibyte in a call, and larger messages are cut', async () => {
    const { sink, calls, stored } = queue();
    await sink.store([...received(4, 'x'.repeat(400_000)), ...received(1, 'y'.repeat(3_000_000))]);
    for (const entries of calls)
      expect(
        entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0),
      ).toBeLessThan(2 ** 20);
    expect(stored).toHaveLength(5);
    expect(
      stored
        .map(readBody)
        .some(
          (message) =>
            message?.type === 'notification.received' && message.data.cutFrom === 3_000_001,
        ),
    ).toBe(true);
  });

  it.each<[string, (entries: readonly Entry[]) => Answer]>([
    [
      'were refused',
      (entries) => ({
        ...all(entries.slice(1)),
        Failed: [{ Id: entries[0]?.Id ?? '', Code: 'InternalError' }],
      }),
    ],
    ['have no result', (entries) => all(entries.slice(1))],
  ])(
    'receives the messages that %s again and no others, until all are accepted',
    async (_, half) => {
      const { sink, calls, stored } = queue((entries, call) =>
        call === 1 ? half(entries) : all(entries),
      );
      const messages = received(3);
      await sink.store(messages);
      expect(calls.map((entries) => entries.length)).toEqual([3, 1]);
      expect(stored.map(readBody)).toEqual(expect.arrayContaining(messages));
      expect(stored).toHaveLength(3);
    },
  );

  it('throws if a message is refused permanently, or if AWS does not answer', async () => {
    const stubborn = queue((entries) => ({
      ...all(entries.slice(1)),
      Failed: [{ Id: entries[0]?.Id ?? '', Code: 'AccessDenied' }],
    }));
    await expect(stubborn.sink.store(received(1))).rejects.toMatchObject({
      report: { code: 'engine.queue.refused', message: expect.stringContaining('AccessDenied') },
    });
    const unavailable = queue(() => {
      throw new AwsError('NoAnswer', 'sqs of AWS does not answer', 0);
    });
    await expect(unavailable.sink.store(received(1))).rejects.toThrow('does not answer');
  });

  it('receives an accepted message once, also if its batch is sent again', async () => {
    let isWell = false;
    const { sink, stored } = queue((entries) =>
      isWell ? all(entries) : all(entries.filter(({ Id }) => Id === '1')),
    );
    const messages = received(3);
    await expect(sink.store(messages)).rejects.toThrow('2 of 3');
    isWell = true;
    await sink.store(messages);
    expect(stored).toHaveLength(3);
    expect(stored.map(readBody)).toEqual(expect.arrayContaining(messages));
  });

  it('receives a heartbeat that is no message', async () => {
    const { sink, stored } = queue();
    await sink.sendHeartbeat();
    expect(stored.map((body) => JSON.parse(body)['detail-type'])).toEqual([HEARTBEAT]);
    expect(stored.map(readBody)).toEqual([undefined]);
  });
});

describe('a standalone relay', () => {
  const start = (variables: Record<string, string>, environment: Record<string, string> = {}) =>
    startRelayOnly({
      settings: readSettings(variables),
      environment,
      log: createLogger('silent'),
    });

  it.each([
    [{ RABBITMQ_URL: 'amqp://x' }, /PROPAGATOR_INGEST_QUEUE_URL/],
    [{ PROPAGATOR_INGEST_QUEUE_URL: URL }, /RABBITMQ_URL/],
    [
      {
        PROPAGATOR_INGEST_QUEUE_URL: 'http://127.0.0.1:4566/000000000000/ingest',
        RABBITMQ_URL: 'amqp://x',
      },
      /AWS_REGION/,
    ],
  ])('does not start with %j, and reports the reason in one line', async (variables, line) => {
    await expect(start(variables)).rejects.toThrow(line);
  });
});
