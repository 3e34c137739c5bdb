import type { Message } from '../../events/index.ts';
import {
  type DeadLetter,
  type Delivery,
  GAVE_UP_WITHOUT_ERROR,
  MAX_SHOWN_LENGTH,
  type WorkerEngine,
} from '../../lib/engine/port.ts';
import type { ErrorReport } from '../../lib/shared/errors.ts';
import { until } from './engine-store.ts';
import { confirmation, operationId, requested, unique } from './samples.ts';

const report = (code: string): ErrorReport => ({
  code,
  class: 'Denied',
  message: `failed: ${code}`,
  advice: 'ask',
});
const runOf = (message: Message | undefined): number =>
  message?.type === 'service.requested' ? message.data.run : Number.NaN;
const runs = (found: readonly DeadLetter[]): number[] => found.map(({ message }) => runOf(message));

/** A dead-letter message waits until a person redrives or discards it. */
export function deadLetterSuite(open: () => Promise<WorkerEngine>): void {
  describe('dead letters', () => {
    let engine: WorkerEngine;
    const received: Message[] = [];
    const failing = new Set<string>();
    beforeAll(async () => {
      engine = await open();
      await engine.work('coordinate', { concurrency: 1 }, async ([delivery]) => {
        if (!delivery) return;
        const { message } = delivery;
        if ('operationId' in message.data && failing.has(message.data.operationId))
          throw new Error('the coordinator fails');
        received.push(message);
      });
    });
    afterAll(() => engine.close());

    /** Two services, two operations, two causes: `a1x` is service a, first operation, cause x. */
    async function moveToDeadLetters() {
      const [a, b, x, y] = [
        `t${unique()}`,
        `t${unique()}`,
        `cause.${unique()}`,
        `cause.${unique()}`,
      ];
      const [first, second] = [operationId(), operationId()];
      const messages = {
        a1x: requested(a, 1, first),
        a1y: requested(a, 2, first),
        a2x: requested(a, 3, second),
        b1x: requested(b, 4, first),
      };
      const error = { a1x: report(x), a1y: report(y), a2x: report(x), b1x: report(x) };
      for (const name of ['a1x', 'a1y', 'a2x', 'b1x'] as const)
        await engine.commit({ deadLetters: [{ message: messages[name], error: error[name] }] });
      return { a, b, x, y, first, second, messages, error };
    }
    const receivedOf = (type: Message['type'], operations: readonly string[]) =>
      received
        .filter(
          ({ type: is, data }) =>
            is === type && 'operationId' in data && operations.includes(data.operationId),
        )
        .map(({ data }) => data);

    it('are found by service, queue, operation, cause and id, the oldest first', async () => {
      const { a, b, x, first, messages, error } = await moveToDeadLetters();
      expect(runs(await engine.deadLetters({ operationId: first }))).toEqual([1, 2, 4]);
      expect(runs(await engine.deadLetters({ service: a }))).toEqual([1, 2, 3]);
      expect(runs(await engine.deadLetters({ queue: `service-${a}` }))).toEqual([1, 2, 3]);
      expect(await engine.deadLetters({ queue: 'coordinate', service: a })).toEqual([]);
      expect(runs(await engine.deadLetters({ cause: x }))).toEqual([1, 3, 4]);
      expect(runs(await engine.deadLetters({ cause: x, operationId: first, service: a }))).toEqual([
        1,
      ]);
      const [deadLetter] = await engine.deadLetters({ service: b });
      const { operationId: of, taskId, run } = messages.b1x.data;
      expect(deadLetter).toEqual({
        id: expect.any(String),
        queue: `service-${b}`,
        message: messages.b1x,
        unreadable: undefined,
        operationId: of,
        task: { taskId, run },
        error: error.b1x,
        receiveCount: undefined,
        at: expect.any(Number),
        expiresAt: deadLetter?.expiresAt,
      });
      // If dead-letter messages expire, their expiry is days ahead.
      expect((deadLetter?.expiresAt ?? Number.POSITIVE_INFINITY) - Date.now()).toBeGreaterThan(
        7 * 24 * 3_600_000,
      );
      expect(await engine.deadLetters({ id: deadLetter?.id ?? '' })).toEqual([deadLetter]);
      expect(await engine.deadLetters({ id: 'no such id' })).toEqual([]);
      const ids = (await engine.deadLetters({ service: a })).map(({ id }) => id);
      expect(runs(await engine.deadLetters({ operationId: first, ids: ids.slice(1) }))).toEqual([
        2,
      ]);
      expect(await engine.deadLetters({ service: a, ids: [] })).toEqual([]);
      expect(await engine.deadLetters({ service: b, ids })).toEqual([]);
      expect(await engine.deadLetters({ service: 'no\0such' })).toEqual([]);
    });

    it('return to their queue when a redrive selects them; the coordinator is notified of each, and the decision is stored', async () => {
      const { a, x, y, first, second, messages } = await moveToDeadLetters();
      expect(await engine.redrive({ service: a, cause: x }, { by: 'ann', reason: 'mended' })).toBe(
        2,
      );
      expect(runs(await engine.deadLetters({ service: a }))).toEqual([2]);
      expect(await engine.redrive({ service: a, cause: x }, { by: 'ann' })).toBe(0);

      const got: Delivery[] = [];
      await engine.work(
        `service-${a}`,
        { concurrency: 1 },
        async (deliveries) => void got.push(...deliveries),
      );
      await until(
        'both messages',
        () => got.length === 2 && receivedOf('task.redriven', [first, second]).length === 2,
      );
      const received = got.map(({ message, receiveCount }) => [runOf(message), receiveCount]);
      expect(received.toSorted(([one = 0], [other = 0]) => one - other)).toEqual([
        [1, 1],
        [3, 1],
      ]);
      expect(receivedOf('task.redriven', [first, second])).toEqual(
        expect.arrayContaining([
          { operationId: first, taskId: messages.a1x.data.taskId, by: 'ann' },
          { operationId: second, taskId: messages.a2x.data.taskId, by: 'ann' },
        ]),
      );
      expect(runs(await engine.deadLetters({ cause: y }))).toEqual([2]);
      const decision = {
        id: expect.any(String),
        what: 'redriven',
        by: 'ann',
        reason: 'mended',
        at: expect.any(Number),
        count: 1,
      };
      expect(await engine.reads.decisions({ operationId: first, limit: 10 })).toEqual([
        { ...decision, queue: `service-${a}`, operationId: first, cause: x },
      ]);
    });

    it('are removed when a discard selects them; the coordinator is notified of each with the reason, and the decisions are stored', async () => {
      const { a, b, x, y, first, messages } = await moveToDeadLetters();
      const got: Delivery[] = [];
      await engine.work(
        `service-${a}`,
        { concurrency: 1 },
        async (deliveries) => void got.push(...deliveries),
      );
      expect(
        await engine.discard(
          { operationId: first, service: a },
          { by: 'bob', reason: 'torn down' },
        ),
      ).toBe(2);
      expect(
        await engine.discard(
          { operationId: first, service: b, cause: y },
          { by: 'bob', reason: 'no such message' },
        ),
      ).toBe(0);
      expect(runs(await engine.deadLetters({ service: a }))).toEqual([3]);
      expect(runs(await engine.deadLetters({ service: b }))).toEqual([4]);
      await until(
        'the messages to the coordinator',
        () => receivedOf('task.discarded', [first]).length === 2,
      );
      const word = (of: 'a1x' | 'a1y', run: number) => ({
        operationId: first,
        taskId: messages[of].data.taskId,
        run,
        by: 'bob',
        reason: 'torn down',
      });
      expect(receivedOf('task.discarded', [first])).toEqual(
        expect.arrayContaining([word('a1x', 1), word('a1y', 2)]),
      );
      expect(receivedOf('task.redriven', [first])).toEqual([]);

      expect(await engine.redrive({ operationId: first }, { by: 'ann' })).toBe(1);
      const decisions = await engine.reads.decisions({ operationId: first, limit: 10 });
      expect(decisions.map(({ what, by, reason }) => [what, by, reason])).toEqual([
        ['redriven', 'ann', undefined],
        ['discarded', 'bob', 'torn down'],
        ['discarded', 'bob', 'torn down'],
      ]);
      expect(
        decisions
          .slice(1)
          .map(({ cause }) => cause)
          .toSorted(),
      ).toEqual([x, y].toSorted());
      expect(await engine.reads.decisions({ limit: 1 })).toEqual(decisions.slice(0, 1));
      expect(got).toEqual([]);
    });

    it('are redriven in the same way if their handler gave up, and show the number of deliveries', async () => {
      const service = `t${unique()}`;
      let broken = true;
      const handled: number[] = [];
      await engine.work(`service-${service}`, { concurrency: 1 }, async ([delivery]) => {
        if (broken) throw new Error('not yet');
        handled.push(delivery?.receiveCount ?? 0);
      });
      await engine.commit({
        messages: [requested(service)],
        deadLetters: [{ message: requested(service, 2), error: report('x') }],
      });
      await until(
        'two dead-letter messages',
        async () => (await engine.deadLetters({ service })).length === 2,
      );
      const counts = (await engine.deadLetters({ service })).map(({ message, receiveCount }) => [
        runOf(message),
        receiveCount,
      ]);
      expect(new Map(counts as [number, number | undefined][])).toEqual(
        new Map([
          [1, 3],
          [2, undefined],
        ]),
      );
      broken = false;
      expect(await engine.redrive({ service }, { by: 'bob' })).toBe(2);
      await until('both handled', () => handled.length === 2);
      expect(handled).toEqual([1, 1]);
      expect(await engine.deadLetters({ service })).toEqual([]);
    });

    it("are found with those of the services if they are the coordinator's, and are redriven", async () => {
      const of = operationId();
      failing.add(of);
      await engine.commit({ messages: [confirmation(of)] });
      await until(
        'a dead letter',
        async () => (await engine.deadLetters({ queue: 'coordinate' })).length === 1,
      );
      expect(await engine.deadLetters({ operationId: of })).toMatchObject([
        {
          queue: 'coordinate',
          message: confirmation(of),
          operationId: of,
          task: undefined,
          receiveCount: 3,
          error: { code: 'handler.failed' },
        },
      ]);
      failing.delete(of);
      expect(await engine.redrive({ queue: 'coordinate' }, { by: 'ann' })).toBe(1);
      await until('the confirmation', () => receivedOf('operation.confirm', [of]).length === 1);
      expect(await engine.deadLetters({ queue: 'coordinate' })).toEqual([]);
      expect(await engine.reads.decisions({ operationId: of, limit: 10 })).toMatchObject([
        { queue: 'coordinate', count: 1 },
      ]);
    });

    it('are shown shortened if this release cannot read them, and can be discarded', async () => {
      const service = `t${unique()}`;
      const message = requested(service, 5);
      // A later release may write such a message: the routing is the same, but a field differs.
      const strange = {
        ...message,
        data: {
          ...message.data,
          phase: 'unknown-phase',
          detailsOfIt: 'x'.repeat(MAX_SHOWN_LENGTH),
        },
      };
      const got: Delivery[] = [];
      await engine.work(
        `service-${service}`,
        { concurrency: 1 },
        async (deliveries) => void got.push(...deliveries),
      );
      await engine.commit({ messages: [strange as unknown as Message] });
      await until(
        'a dead letter',
        async () => (await engine.deadLetters({ service })).length === 1,
      );
      const { operationId: of, taskId } = message.data;
      const [deadLetter] = await engine.deadLetters({ operationId: of });
      expect(deadLetter).toMatchObject({
        queue: `service-${service}`,
        operationId: of,
        task: { taskId, run: 5 },
      });
      expect([deadLetter?.message, deadLetter?.unreadable?.length, got]).toEqual([
        undefined,
        MAX_SHOWN_LENGTH + 1,
        [],
      ]);
      expect(deadLetter?.unreadable).toMatch(/"unknown-phase"[\s\S]*…$/);
      expect(['engine.message.unreadable', GAVE_UP_WITHOUT_ERROR]).toContain(
        deadLetter?.error?.code ?? GAVE_UP_WITHOUT_ERROR,
      );
      expect(
        await engine.discard(
          { id: deadLetter?.id ?? '' },
          { by: 'ann', reason: 'of a release that we left' },
        ),
      ).toBe(1);
      expect(await engine.deadLetters({ service })).toEqual([]);
      await until(
        'the message to the coordinator',
        () => receivedOf('task.discarded', [of]).length === 1,
      );
    });
  });
}
