import type { WorkerEngine } from '../../lib/engine/port.ts';
import { until } from './engine-store.ts';
import {
  confirmation,
  domainId,
  operation,
  operationId,
  project,
  projectId,
  quarantined,
  requested,
  task,
  unique,
  userId,
} from './samples.ts';

/** State and messages change in one step. */
export function commitSuite(open: () => Promise<WorkerEngine>): void {
  describe('a change', () => {
    let engine: WorkerEngine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    const error = {
      code: 'nova.http.503',
      class: 'Transient',
      message: 'busy',
      advice: 'wait',
    } as const;

    it('is stored with all its parts after the commit', async () => {
      const opened = operation();
      const step = task(opened.id);
      const shop = project({ members: [userId()] });
      const junk = quarantined();
      const [seen, counter, service] = [unique(), unique(), `t${unique()}`];
      const outcome = await engine.commit({
        operations: [opened],
        tasks: [step],
        seen: [seen],
        accounts: [shop],
        quarantine: [junk],
        counters: { [counter]: 3 },
        messages: [requested(service)],
        deadLetters: [{ message: requested(service), error }],
      });
      expect(outcome).toBe('committed');
      expect(await engine.reads.operation(opened.id)).toEqual({ ...opened, version: 1 });
      expect(await engine.reads.task(step.id)).toEqual({ ...step, version: 1 });
      expect(await engine.reads.account('project', shop.account.id)).toEqual(shop);
      expect((await engine.reads.quarantine(1)).records).toEqual([junk]);
      expect(await engine.reads.seenMessageIds([seen, 'never'])).toEqual(new Set([seen]));
      expect((await engine.reads.counters())[counter]).toBe(3);
      expect((await engine.reads.depths())[`service-${service}`]).toEqual({
        ready: 1,
        delayed: 0,
        active: 0,
        dead: 1,
      });
    });

    it('is not stored when its last part fails', async () => {
      const opened = operation();
      const [seen, service] = [unique(), `t${unique()}`];
      const [shop, junk] = [project(), quarantined()];
      const before = await engine.reads.accountCount();
      const change = {
        operations: [opened],
        tasks: [task(opened.id)],
        seen: [seen],
        accounts: [shop],
        quarantine: [junk],
        messages: [requested(service)],
        deadLetters: [{ message: requested(service), error }],
        counters: { [unique()]: Number.NaN },
      };
      await expect(engine.commit(change)).rejects.toMatchObject({
        report: { code: 'engine.counter', advice: expect.stringContaining('Report') },
      });
      expect(await engine.reads.operation(opened.id)).toBeUndefined();
      expect(await engine.reads.tasks(opened.id)).toEqual([]);
      expect(await engine.reads.seenMessageIds([seen])).toEqual(new Set());
      expect(await engine.reads.accountCount()).toBe(before);
      expect((await engine.reads.quarantine(1)).records[0]?.id).not.toBe(junk.id);
      expect((await engine.reads.depths())[`service-${service}`]).toEqual({
        ready: 0,
        delayed: 0,
        active: 0,
        dead: 0,
      });
      expect(await engine.deadLetters({ service })).toEqual([]);
    });

    it('is a conflict if another process changed the row since it was read, and writes nothing', async () => {
      const opened = operation();
      await engine.commit({ operations: [opened], tasks: [task(opened.id)] });
      const [read] = await engine.reads.operations({ projectId: opened.scope.id });
      if (!read) throw new Error('not there');
      expect(await engine.commit({ operations: [{ ...read, state: 'running' }] })).toBe(
        'committed',
      );
      const service = `t${unique()}`;
      const step = task(opened.id, 'nova', { version: 1, state: 'pending' });
      const late = {
        operations: [{ ...read, state: 'held' as const }],
        tasks: [step],
        messages: [requested(service)],
      };
      expect(await engine.commit(late)).toBe('conflict');
      expect(await engine.reads.operation(opened.id)).toEqual({
        ...opened,
        state: 'running',
        version: 2,
      });
      expect((await engine.reads.task(step.id))?.state).toBe('planning');
      expect((await engine.reads.depths())[`service-${service}`]?.ready ?? 0).toBe(0);
    });

    it('is a conflict if it creates an operation that exists, or changes an operation that does not exist', async () => {
      const opened = operation();
      await engine.commit({ operations: [opened] });
      expect(
        await engine.commit({ operations: [operation({ id: opened.id, state: 'held' })] }),
      ).toBe('conflict');
      expect(await engine.commit({ operations: [operation({ version: 3 })] })).toBe('conflict');
      expect(await engine.commit({ operations: [operation(), operation({ id: opened.id })] })).toBe(
        'conflict',
      );
      expect((await engine.reads.operation(opened.id))?.state).toBe('confirming');
    });

    it('succeeds for exactly one of many concurrent writers', async () => {
      const opened = operation();
      await engine.commit({ operations: [opened] });
      const writers = Array.from({ length: 12 }, (_, confirmation) =>
        engine.commit({
          operations: [{ ...opened, confirmation, version: 1 }],
          counters: { [opened.id]: 1 },
        }),
      );
      const outcomes = await Promise.all(writers);
      expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1);
      expect((await engine.reads.operation(opened.id))?.confirmation).toBe(
        outcomes.indexOf('committed'),
      );
      expect((await engine.reads.counters())[opened.id]).toBe(1);
    });

    it('is not affected by a conflict or an error of another change at the same time', async () => {
      const [stale, ...good] = Array.from({ length: 9 }, () => operation());
      if (!stale) throw new Error('no operation');
      await engine.commit({ operations: [stale] });
      const [counter, service] = [unique(), `t${unique()}`];
      const changeOf = (one: typeof stale) => ({
        operations: [one],
        tasks: [task(one.id)],
        messages: [requested(service)],
        counters: { [counter]: 1 },
      });
      const broken = operation();
      const outcomes = await Promise.allSettled(
        [
          ...good.slice(0, 4).map(changeOf),
          changeOf(stale),
          { ...changeOf(broken), counters: { [counter]: 0.5 } },
          ...good.slice(4).map(changeOf),
        ].map((change) => engine.commit(change)),
      );
      const valueOrCode = outcomes.map((one) =>
        one.status === 'fulfilled' ? one.value : one.reason.report.code,
      );
      const committed = (count: number) => Array.from({ length: count }, () => 'committed');
      expect(valueOrCode).toEqual([...committed(4), 'conflict', 'engine.counter', ...committed(4)]);
      for (const { id } of good) {
        expect(await engine.reads.operation(id)).toMatchObject({ id, version: 1 });
        expect(await engine.reads.tasks(id)).toHaveLength(1);
      }
      expect(await engine.reads.tasks(stale.id)).toEqual([]);
      expect(await engine.reads.operation(broken.id)).toBeUndefined();
      expect((await engine.reads.counters())[counter]).toBe(8);
      expect((await engine.reads.depths())[`service-${service}`]?.ready).toBe(8);
    });

    it('is a conflict if its notification was ingested before, and has no second effect', async () => {
      const [first, second, other] = [unique(), unique(), unique()];
      expect(await engine.commit({ seen: [first], counters: { [first]: 1 } })).toBe('committed');
      expect(await engine.commit({ seen: [second, first], counters: { [first]: 1 } })).toBe(
        'conflict',
      );
      expect(await engine.reads.seenMessageIds([first, second])).toEqual(new Set([first]));
      expect((await engine.reads.counters())[first]).toBe(1);
      // The same notification arrives by two topics in one batch.
      expect(await engine.commit({ seen: [other, other] })).toBe('committed');
    });

    it('is stored before the handler of its message runs', async () => {
      const seen: boolean[] = [];
      const ids = Array.from({ length: 40 }, operationId);
      await engine.work('coordinate', { concurrency: 4 }, async ([delivery]) => {
        if (delivery?.message.type !== 'operation.confirm') return;
        const { operationId: id } = delivery.message.data;
        if (ids.includes(id)) seen.push((await engine.reads.operation(id)) !== undefined);
      });
      await Promise.all(
        ids.map((id) =>
          engine.commit({ messages: [confirmation(id)], operations: [operation({ id })] }),
        ),
      );
      await until('40 messages', () => seen.length === 40);
      expect(seen.every(Boolean)).toBe(true);
    });

    it('merges the record of an account: members are only added, and the latest deletion and observation are kept', async () => {
      const id = projectId();
      const [ann, bob] = [userId(), userId()];
      await engine.commit({
        accounts: [project({ id, seenAt: 50, deletedAt: 40, members: [ann] })],
      });
      await engine.commit({
        accounts: [project({ id, seenAt: 30, deletedAt: 60, members: [bob], name: 'renamed' })],
      });
      await engine.commit({
        accounts: [
          project({ id, seenAt: 31, name: 'renamed' }),
          project({ id, seenAt: 32, name: 'again' }),
        ],
      });
      const kept = await engine.reads.account('project', id);
      expect({ ...kept, members: kept?.members?.toSorted() }).toEqual(
        project({ id, seenAt: 50, deletedAt: 60, members: [ann, bob].toSorted(), name: 'again' }),
      );
    });

    it('keeps every byte of a body, and accepts any character in a name', async () => {
      const odd = 'a\0b \ud800 "\\u0000" é 日本 \uFFFD';
      const junk = quarantined({ body: 'NUL \0 and "\\u0000"', bytes: 20 });
      const home = domainId();
      await engine.commit({
        quarantine: [junk],
        seen: [odd],
        accounts: [project({ domainId: home, name: odd })],
      });
      const [kept] = (await engine.reads.quarantine(1)).records;
      expect(Buffer.from(kept?.body ?? '', kept?.encoding).toString('utf8')).toBe(junk.body);
      expect(await engine.reads.seenMessageIds([odd])).toEqual(new Set([odd]));
      expect((await engine.reads.projectsOf(home))[0]?.account.name).toMatch(
        /^a.b . "\\u0000" é 日本 \uFFFD$/,
      );
      const bodies: string[] = [];
      await engine.work('ingest', { concurrency: 1 }, async ([delivery]) => {
        const message = delivery?.message;
        if (message?.type === 'notification.received')
          bodies.push(Buffer.from(message.data.body, message.data.encoding).toString('utf8'));
      });
      const data = { body: 'a\0b', encoding: 'utf8', source: 'http', receivedAt: 1 } as const;
      await engine.commit({ messages: [{ type: 'notification.received', data }] });
      await until('the notification', () => bodies.length === 1);
      expect(bodies).toEqual(['a\0b']);
    });

    it('keeps at most 10,000 records in quarantine, and removes the oldest', async () => {
      const junk = Array.from({ length: 10_020 }, () => quarantined());
      for (let at = 0; at < junk.length; at += 1002)
        await engine.commit({ quarantine: junk.slice(at, at + 1002) });
      const { total, records } = await engine.reads.quarantine(20_000);
      expect(total).toBe(10_000);
      expect(records.map(({ id }) => id)).toEqual(
        junk
          .slice(20)
          .map(({ id }) => id)
          .toReversed(),
      );
    });
  });
}
