import type { Aws } from '../../../../lib/engine/aws/clients.ts';
import type { OutboundMessage } from '../../../../lib/engine/aws/messaging/envelope.ts';
import { Queues } from '../../../../lib/engine/aws/messaging/queues.ts';
import { Sender } from '../../../../lib/engine/aws/messaging/sender.ts';
import { namesOf } from '../../../../lib/engine/aws/names.ts';

/** A call of SQS that the sender made, and when. */
interface Sent {
  readonly at: number;
  readonly delays: readonly (number | undefined)[];
}

function senderWithCalls(): { sender: Sender; calls: Sent[] } {
  const calls: Sent[] = [];
  const sqs = async (action: string, input: object) => {
    if (action === 'GetQueueUrl') return { QueueUrl: 'http://127.0.0.1/queue' };
    const { Entries } = input as { Entries: { DelaySeconds?: number }[] };
    calls.push({ at: Date.now(), delays: Entries.map(({ DelaySeconds }) => DelaySeconds) });
    return {};
  };
  const none = () => Promise.reject(new Error('no event and no schedule is expected'));
  const queues = new Queues({ sqs: sqs as Aws['sqs'] });
  const options = { names: namesOf('test'), services: ['nova'] };
  return { sender: new Sender({ events: none, scheduler: none }, queues, options), calls };
}

const dueAfter = (now: number, ...millis: number[]): OutboundMessage[] =>
  millis.map((some) => ({
    type: 'service.requested',
    detail: '{}',
    queue: 'service-nova',
    dueAt: now + some,
  }));

describe('The delay of a message on AWS', () => {
  it.each([
    [400, undefined],
    [1000, 1],
    [1300, 1],
    [2999, 2],
  ])(
    'of %d ms is exact: the sender waits for the fraction of a second',
    async (millis, seconds) => {
      const { sender, calls } = senderWithCalls();
      const now = Date.now();
      await sender.send(dueAfter(now, millis), 'id', now);
      expect(calls.map(({ delays }) => delays)).toEqual([[seconds]]);
      const [call] = calls;
      expect((call?.at ?? 0) + 1000 * (seconds ?? 0)).toBeGreaterThanOrEqual(now + millis);
    },
  );

  it('is rounded up if it is long, and the sender does not wait before it sends such messages', async () => {
    const { sender, calls } = senderWithCalls();
    const now = Date.now();
    await sender.send(dueAfter(now, 600, -5000, 30_500, 3001), 'id', now);
    expect(calls.map(({ delays }) => delays)).toEqual([[undefined, 31, 4], [undefined]]);
  });
});
