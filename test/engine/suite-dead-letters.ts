import type { Engine } from '../../lib/engine/port.ts';
import type { ErrorReport } from '../../lib/errors.ts';
import { until } from './place.ts';
import { operationId, requested, unique } from './samples.ts';

const report = (code: string): ErrorReport => ({ code, class: 'Denied', message: `said ${code}`, advice: 'ask' });

/** What was given up waits for a person, who finds it and sends it back. */
export function deadLetterSuite(open: () => Promise<Engine>): void {
  describe('dead letters', () => {
    let engine: Engine;
    beforeAll(async () => {
      engine = await open();
    }, 60_000);
    afterAll(() => engine.close());

    /** Two services, two operations, two causes: `a1x` is service a, first operation, cause x. */
    async function lay() {
      const [a, b, x, y] = [`t${unique()}`, `t${unique()}`, `cause.${unique()}`, `cause.${unique()}`];
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
    const passes = (letters: readonly { readonly message: { readonly data: object } }[]) =>
      letters.map(({ message }) => ('pass' in message.data ? message.data.pass : 0));

    it('are found by service, operation, cause and id, the oldest first', async () => {
      const { a, b, x, first, messages, error } = await lay();
      expect(passes(await engine.deadLetters({ operationId: first }))).toEqual([1, 2, 4]);
      expect(passes(await engine.deadLetters({ service: a }))).toEqual([1, 2, 3]);
      expect(passes(await engine.deadLetters({ cause: x }))).toEqual([1, 3, 4]);
      expect(passes(await engine.deadLetters({ cause: x, operationId: first, service: a }))).toEqual([1]);
      const [letter] = await engine.deadLetters({ service: b });
      expect(letter).toEqual({
        id: expect.any(String),
        queue: `service-${b}`,
        message: messages.b1x,
        error: error.b1x,
        at: expect.any(Number),
      });
      expect(await engine.deadLetters({ id: letter?.id ?? '' })).toEqual([letter]);
      expect(await engine.deadLetters({ id: 'no such id' })).toEqual([]);
    });

    it('that were chosen go back to their queue, and only those; the coordinator hears of each', async () => {
      const { a, x, y, first, second, messages } = await lay();
      const told: object[] = [];
      await engine.work('coordinate', { concurrency: 1 }, async ([delivery]) => {
        if (delivery?.message.type === 'task.redriven') told.push(delivery.message.data);
      });
      expect(await engine.redrive({ service: a, cause: x }, 'ann')).toBe(2);
      expect(passes(await engine.deadLetters({ service: a }))).toEqual([2]);
      expect(await engine.redrive({ service: a, cause: x }, 'ann')).toBe(0);

      const got: [number, number][] = [];
      await engine.work(`service-${a}`, { concurrency: 1 }, async ([delivery]) => {
        if (delivery) got.push([passes([delivery])[0] === undefined ? 0 : Number(passes([delivery])[0]), delivery.receiveCount]);
      });
      await until('both messages', () => got.length === 2 && told.length === 2);
      expect(got.toSorted(([one], [other]) => one - other)).toEqual([
        [1, 1],
        [3, 1],
      ]);
      expect(told).toEqual(
        expect.arrayContaining([
          { operationId: first, taskId: messages.a1x.data.taskId, by: 'ann' },
          { operationId: second, taskId: messages.a2x.data.taskId, by: 'ann' },
        ]),
      );
      expect(passes(await engine.deadLetters({ cause: y }))).toEqual([2]);
    });

    it('of a handler that gave up go back just the same', async () => {
      const service = `t${unique()}`;
      let broken = true;
      const handled: number[] = [];
      await engine.work(`service-${service}`, { concurrency: 1 }, async ([delivery]) => {
        if (broken) throw new Error('not yet');
        handled.push(delivery?.receiveCount ?? 0);
      });
      await engine.commit({ messages: [requested(service)], deadLetters: [{ message: requested(service, 2), error: report('x') }] });
      await until('two dead letters', async () => (await engine.deadLetters({ service })).length === 2);
      broken = false;
      expect(await engine.redrive({ service }, 'bob')).toBe(2);
      await until('both handled', () => handled.length === 2);
      expect(handled).toEqual([1, 1]);
      expect(await engine.deadLetters({ service })).toEqual([]);
    }, 30_000);
  });
}
