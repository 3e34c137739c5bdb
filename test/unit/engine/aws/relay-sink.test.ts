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

/** A queue that answers as told, and keeps what it took. */
function queue(answer: (entries: readonly Entry[], call: number) => Answer = all) {
  const calls: (readonly Entry[])[] = [];
  const lying: string[] = [];
  const sqs = async (
    action: string,
    { QueueUrl, Entries }: { QueueUrl: string; Entries: Entry[] },
  ) => {
    expect([action, QueueUrl]).toEqual(['SendMessageBatch', URL]);
    calls.push(Entries);
    const said = answer(Entries, calls.length);
    for (const { Id } of said.Successful ?? [])
      lying.push(Entries.find((entry) => entry.Id === Id)?.MessageBody ?? '');
    return said;
  };
  return { calls, lying, sink: queueSink({ sqs: sqs as unknown as Aws['sqs'] }, URL, () => 5) };
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
  it('takes what ingest reads again, ten in a call', async () => {
    const { sink, calls, lying } = queue();
    const messages = received(25);
    await sink.store(messages);
    expect(calls.map((entries) => entries.length)).toEqual([10, 10, 5]);
    expect(lying.map(readBody)).toEqual(messages);
  });

  it('sends no more than a mebibyte in a call, and cuts what no queue carries', async () => {
    const { sink, calls, lying } = queue();
    await sink.store([...received(4, 'x'.repeat(400_000)), ...received(1, 'y'.repeat(3_000_000))]);
    for (const entries of calls)
      expect(
        entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0),
      ).toBeLessThan(2 ** 20);
    expect(lying).toHaveLength(5);
    expect(
      lying
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
    ['nothing was said about', (entries) => all(entries.slice(1))],
  ])('tries again those alone that %s, until each was taken', async (_, half) => {
    const { sink, calls, lying } = queue((entries, call) =>
      call === 1 ? half(entries) : all(entries),
    );
    const messages = received(3);
    await sink.store(messages);
    expect(calls.map((entries) => entries.length)).toEqual([3, 1]);
    expect(lying.map(readBody)).toEqual(expect.arrayContaining(messages));
    expect(lying).toHaveLength(3);
  });

  it('throws when one is refused for good, and when AWS is away: nothing is acknowledged then', async () => {
    const stubborn = queue((entries) => ({
      ...all(entries.slice(1)),
      Failed: [{ Id: entries[0]?.Id ?? '', Code: 'AccessDenied' }],
    }));
    await expect(stubborn.sink.store(received(1))).rejects.toMatchObject({
      report: { code: 'engine.queue.refused', message: expect.stringContaining('AccessDenied') },
    });
    const away = queue(() => {
      throw new AwsError('NoAnswer', 'sqs of AWS does not answer', 0);
    });
    await expect(away.sink.store(received(1))).rejects.toThrow('does not answer');
  });

  it('does not send again, when the batch comes again, what was taken before', async () => {
    let isWell = false;
    const { sink, lying } = queue((entries) =>
      isWell ? all(entries) : all(entries.filter(({ Id }) => Id === '1')),
    );
    const messages = received(3);
    await expect(sink.store(messages)).rejects.toThrow('2 of 3');
    isWell = true;
    await sink.store(messages);
    expect(lying).toHaveLength(3);
    expect(lying.map(readBody)).toEqual(expect.arrayContaining(messages));
  });

  it('sends a heartbeat that is no message', async () => {
    const { sink, lying } = queue();
    await sink.beat();
    expect(lying.map((body) => JSON.parse(body)['detail-type'])).toEqual([HEARTBEAT]);
    expect(lying.map(readBody)).toEqual([undefined]);
  });
});

describe('a relay on its own', () => {
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
  ])('%j stops its start with one line', async (variables, line) => {
    await expect(start(variables)).rejects.toThrow(line);
  });
});
