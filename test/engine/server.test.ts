import pg from 'pg';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { barrier, QUICK_RETRY, until } from './engine-store.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';
import { operation, queue, requested, serviceOf, unique } from './samples.ts';
import { engineSuite } from './suite.ts';
import { auditRecord, verify } from './suite-audit.ts';
import { runOf } from './suite-delivery.ts';

let postgresql: Postgresql;
beforeAll(async () => {
  postgresql = await startPostgresql();
});
afterAll(() => postgresql.stop(), 30_000);

engineSuite(
  'The engine on a PostgreSQL server',
  async () => {
    const databaseUrl = await postgresql.createDatabase();
    return {
      open: () => openPostgresEngine({ databaseUrl, retry: QUICK_RETRY }),
      end: () => Promise.resolve(),
    };
  },
  { processes: 2 },
);

describe('Several processes on one PostgreSQL server', () => {
  const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

  it('may start at the same moment on an empty database', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const engines = await Promise.all(numbers(5).map(() => openPostgresEngine({ databaseUrl })));
    const opened = operation();
    await engines[0]?.commit({ operations: [opened] });
    for (const engine of engines)
      expect((await engine.reads.operation(opened.id))?.version).toBe(1);
    await Promise.all(engines.map((engine) => engine.close()));
  });

  it('share the work, and each message is handled once', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const [one, other] = await Promise.all([
      openPostgresEngine({ databaseUrl }),
      openPostgresEngine({ databaseUrl }),
    ]);
    const name = queue();
    const handled: [string, number][] = [];
    for (const [who, engine] of [['one', one] as const, ['other', other] as const])
      await engine.work(name, { concurrency: 3, batchSize: 2 }, async (deliveries) => {
        await new Promise((resolve) => setTimeout(resolve, 2));
        for (const delivery of deliveries) handled.push([who, runOf(delivery)]);
      });
    for (const chunk of numbers(20))
      await one.commit({
        messages: numbers(20).map((run) => requested(serviceOf(name), (chunk - 1) * 20 + run)),
      });
    await until('400 messages', () => handled.length >= 400);
    expect(handled.map(([, run]) => run).toSorted((a, b) => a - b)).toEqual(numbers(400));
    expect(new Set(handled.map(([who]) => who))).toEqual(new Set(['one', 'other']));
    await Promise.all([one.close(), other.close()]);
  });

  it('notify each other of new messages immediately', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const [sender, receiver] = await Promise.all([
      openPostgresEngine({ databaseUrl }),
      openPostgresEngine({ databaseUrl }),
    ]);
    const name = queue();
    let [sentAt, received] = [0, 0];
    const waits: number[] = [];
    await receiver.work(name, { concurrency: 1 }, async () => {
      waits.push(performance.now() - sentAt);
      received += 1;
    });
    for (const run of numbers(9)) {
      sentAt = performance.now();
      await sender.commit({ messages: [requested(serviceOf(name), run)] });
      await until('the message', () => received === run);
    }
    expect(waits.toSorted((a, b) => a - b)[4]).toBeLessThan(150);
    await Promise.all([sender.close(), receiver.close()]);
  });

  it('accept only one of two concurrent changes of the same row', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const engines = await Promise.all([
      openPostgresEngine({ databaseUrl }),
      openPostgresEngine({ databaseUrl }),
    ]);
    const [one, other] = [operation(), operation()];
    await engines[0]?.commit({ operations: [one, other] });
    const counter = unique();
    for (const version of numbers(30)) {
      // The opposite order must not lead to a deadlock.
      const outcomes = await Promise.all([
        engines[0]?.commit({
          operations: [
            { ...one, version },
            { ...other, version },
          ],
          counters: { [counter]: 1 },
        }),
        engines[1]?.commit({
          operations: [
            { ...other, version },
            { ...one, version },
          ],
          counters: { [counter]: 1 },
        }),
      ]);
      expect(outcomes.toSorted()).toEqual(['committed', 'conflict']);
    }
    expect((await engines[0]?.reads.counters())?.[counter]).toBe(30);
    await Promise.all(engines.map((engine) => engine.close()));
  });
});

describe('A PostgreSQL server that stops', () => {
  it('does not end the process, and stored work continues after its restart', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const warnings: string[] = [];
    const options = { databaseUrl, onWarning: (message: string) => warnings.push(message) };
    const [engine, sender] = await Promise.all([
      openPostgresEngine(options),
      openPostgresEngine({ databaseUrl }),
    ]);
    const name = queue();
    const handled: number[] = [];
    const [begun, back] = [barrier(), barrier()];
    await engine.work(name, { concurrency: 1 }, async ([delivery]) => {
      begun.open();
      await back.passed;
      if (delivery) handled.push(runOf(delivery));
    });
    await engine.commit({
      messages: [requested(serviceOf(name), 1), requested(serviceOf(name), 2)],
    });
    await begun.passed;
    await postgresql.whileDown(async () => {
      await expect(engine.commit({ seen: [unique()] })).rejects.toThrow();
      await expect(engine.health()).rejects.toThrow();
      // The first message was handled, but that can't be recorded now.
      back.open();
      await until('a warning', () =>
        warnings.some((message) => message.includes('could not be stored yet')),
      );
    });
    await until('both messages', () => handled.length === 2);
    await until('an empty queue', async () => (await engine.reads.depths())[name]?.active === 0);
    expect(handled.toSorted()).toEqual([1, 2]);
    expect((await engine.reads.depths())[name]).toEqual({
      ready: 0,
      delayed: 0,
      active: 0,
      dead: 0,
    });
    // The processes receive each other's notifications again.
    await sender.commit({ messages: [requested(serviceOf(name), 3)] });
    await until('the third', () => handled.length === 3);
    await Promise.all([engine.close(), sender.close()]);
  });
});

describe('A start that cannot succeed', () => {
  it('fails with the server and without the password in the error', async () => {
    const opening = openPostgresEngine({ databaseUrl: 'postgres://me:hidden@127.0.0.1:1/shop' });
    const error: unknown = await opening.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      report: {
        code: 'engine.database.unreachable',
        message: expect.stringContaining('127.0.0.1:1/shop'),
      },
    });
    expect(JSON.stringify(error) + String(error)).not.toContain('hidden');
  });
});

describe('The audit log on a PostgreSQL server', () => {
  const tampering = {
    changed: `UPDATE propagator.audit SET body = replace(body, '"ann"', '"bob"') WHERE sequence = 2`,
    deleted: 'DELETE FROM propagator.audit WHERE sequence = 2',
    'moved up': 'UPDATE propagator.audit SET sequence = sequence + 10 WHERE sequence >= 2',
    inserted: `INSERT INTO propagator.audit (sequence, body) SELECT 4, body FROM propagator.audit WHERE sequence = 3`,
  };

  it('refuses a change of an entry, and the verification finds the place of a forced change', async () => {
    for (const [how, statement] of Object.entries(tampering)) {
      const databaseUrl = await postgresql.createDatabase();
      const engine = await openPostgresEngine({ databaseUrl });
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      try {
        await engine.commit({ audit: [auditRecord(), auditRecord(), auditRecord()] });
        if (how !== 'inserted')
          await expect(client.query(statement)).rejects.toThrow('the audit log is append-only');
        expect(await verify(engine)).toMatchObject({ ok: true });
        await client.query('ALTER TABLE propagator.audit DISABLE TRIGGER ALL');
        await client.query(statement);
        const sequence = how === 'inserted' ? 4 : 2;
        expect([how, await verify(engine)]).toMatchObject([
          how,
          { ok: false, broken: { sequence } },
        ]);
      } finally {
        await client.end();
        await engine.close();
      }
    }
  });

  it('has the decisions of two processes in one chain of hashes', async () => {
    const databaseUrl = await postgresql.createDatabase();
    const engines = await Promise.all([
      openPostgresEngine({ databaseUrl }),
      openPostgresEngine({ databaseUrl }),
    ]);
    const changes = engines.flatMap((engine) =>
      numbers(20).map(() => engine.commit({ audit: [auditRecord()], counters: { audited: 1 } })),
    );
    expect(new Set(await Promise.all(changes))).toEqual(new Set(['committed']));
    expect(await verify(engines[0])).toMatchObject({ ok: true, head: { sequence: 40 } });
    await Promise.all(engines.map((engine) => engine.close()));
  });
});

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
