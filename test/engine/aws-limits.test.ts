import type { AttributeValue, ScanOutput } from '@aws-sdk/client-dynamodb';
import type { OutgoingMessage } from '../../events/index.ts';
import { AwsError } from '../../lib/engine/aws/aws-error.ts';
import type { TestStage } from './aws.ts';
import { numbers, withEmulator } from './aws-emulator.ts';
import {
  confirmation,
  domainId,
  operation,
  project,
  quarantined,
  task,
  unique,
  userId,
} from './samples.ts';

const emulator = withEmulator();
const { open, openWith } = emulator;

describe('A change that is too big for one transaction', () => {
  it('is stored completely if it has many accounts, with an event for each', async () => {
    const stage = await emulator.aws().stage();
    const engine = open(stage);
    const home = domainId();
    const ann = userId();
    const records = numbers(300).map(() => project({ domainId: home, members: [ann] }));
    const cause = { messageId: unique(), eventType: 'identity.project.deleted', at: 1 };
    const messages = records.map(
      ({ account }): OutgoingMessage => ({
        type: 'account.project.deleted',
        data: { account, cause },
      }),
    );
    const seen = numbers(300).map(unique);
    const quarantine = numbers(30).map(() => quarantined());
    expect(
      await engine.commit({ accounts: records, seen, quarantine, messages, counters: { n: 300 } }),
    ).toBe('committed');
    expect(await engine.reads.accountCount()).toBe(300);
    expect(await engine.reads.projectsOf(home)).toHaveLength(300);
    expect(await engine.reads.projectsOfMember(ann)).toHaveLength(300);
    expect((await engine.reads.seenMessageIds(seen)).size).toBe(300);
    expect((await engine.reads.quarantine(100)).total).toBe(30);
    expect(await engine.reads.counters()).toEqual({ n: 300 });
    expect((await engine.reads.depths()).coordinate?.ready).toBe(300);
    // The same commit again is a conflict, as with a small one, and does not count twice.
    expect(await engine.commit({ accounts: records, seen, counters: { n: 300 } })).toBe('conflict');
    expect(await engine.reads.accountCount()).toBe(300);
    expect(await engine.reads.counters()).toEqual({ n: 300 });
  });

  it('changes the operation of a domain last, and stores the operation of each project with its message', async () => {
    const stage = await emulator.aws().stage();
    const home = domainId();
    const parent = operation({ scope: { type: 'domain', id: home } });
    await open(stage).commit({ operations: [parent] });
    const children = numbers(150).map(() =>
      operation({
        parentId: parent.id,
        scope: { type: 'project', id: project().account.id as never },
      }),
    );
    const change = {
      operations: [
        {
          ...parent,
          version: 1,
          state: 'waiting' as const,
          children: children.map(({ id }) => id),
        },
        ...children,
      ],
      messages: children.map(({ id }) => confirmation(id)),
    };
    // The process dies before its third transaction.
    let transactions = 0;
    const dying = openWith(stage, (_, action) => {
      if (action === 'TransactWriteItems') transactions += 1;
      return transactions === 3 ? Promise.reject(new AwsError('NoAnswer', 'killed', 0)) : undefined;
    });
    await expect(dying.commit(change)).rejects.toThrow('killed');
    const engine = open(stage);
    expect(await engine.reads.operation(parent.id)).toMatchObject({
      state: 'confirming',
      version: 1,
    });
    const opened = await engine.reads.operations({ parentId: parent.id, limit: 1000 });
    expect(opened.length).toBeGreaterThan(20);
    expect(opened.length).toBeLessThan(150);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(opened.length);
    // The next decision finds these operations and leaves them unchanged.
    const there = new Set(opened.map(({ id }) => id));
    const rest = children.filter(({ id }) => !there.has(id));
    const again = {
      operations: [change.operations[0] ?? parent, ...rest],
      messages: rest.map(({ id }) => confirmation(id)),
    };
    expect(await engine.commit(again)).toBe('committed');
    expect(await engine.reads.operation(parent.id)).toMatchObject({ state: 'waiting', version: 2 });
    expect(await engine.reads.operations({ parentId: parent.id, limit: 1000 })).toHaveLength(150);
    expect((await engine.reads.depths()).coordinate?.ready).toBe(150);
  });

  it('is stored atomically if it has the tasks of one operation, with the tasks grouped by region', async () => {
    const engine = open(await emulator.aws().stage(['nova']));
    const opened = operation();
    const regions = numbers(12).map((number) => `Region${number}`);
    const services = numbers(40).map((number) => `s${number}`);
    const tasks = regions.flatMap((region) =>
      services.map((service) => ({
        ...task(opened.id, service),
        id: `${opened.id}/${service}/${region}` as never,
        region,
      })),
    );
    expect(await engine.commit({ operations: [opened], tasks })).toBe('committed');
    expect(await engine.reads.tasks(opened.id)).toHaveLength(480);
    const [one] = tasks;
    if (!one) throw new Error('none');
    // Two commits that change different tasks of one row do not conflict; two that change the same
    // task do.
    const changed = tasks
      .slice(0, 12)
      .map((each) => engine.commit({ tasks: [{ ...each, version: 1, run: 2 }] }));
    expect(new Set(await Promise.all(changed))).toEqual(new Set(['committed']));
    expect(await engine.commit({ tasks: [{ ...one, version: 1 }] })).toBe('conflict');
    expect((await engine.reads.tasks(opened.id)).filter(({ run }) => run === 2)).toHaveLength(12);
  });

  it('is refused with a clear error if it is one record', async () => {
    const engine = open(await emulator.aws().stage());
    const record = project({ members: numbers(100_000).map(() => userId()) });
    await expect(engine.commit({ accounts: [record] })).rejects.toMatchObject({
      report: { code: 'engine.row.too-big' },
    });
    expect(await engine.reads.accountCount()).toBe(0);
  });
});

describe('Two writers', () => {
  it('conflict if they change the same row: exactly one of them is stored', async () => {
    const stage = await emulator.aws().stage();
    const [first, second] = [open(stage), open(stage)];
    const [one, other] = [operation(), operation()];
    await first.commit({ operations: [one, other] });
    for (const version of numbers(15)) {
      const both = (order: (typeof one)[]) => order.map((each) => ({ ...each, version }));
      const outcomes = await Promise.all([
        first.commit({ operations: both([one, other]), counters: { n: 1 } }),
        second.commit({ operations: both([other, one]), counters: { n: 1 } }),
      ]);
      expect(outcomes.toSorted()).toEqual(['committed', 'conflict']);
    }
    expect(await first.reads.counters()).toEqual({ n: 15 });
  });

  it('have their changes of one account merged, without a conflict', async () => {
    const engine = open(await emulator.aws().stage());
    const { account } = project();
    const users = numbers(20).map(() => userId());
    const outcomes = await Promise.all(
      users.map((user, index) =>
        engine.commit({
          accounts: [{ account, seenAt: index, deletedAt: undefined, members: [user] }],
        }),
      ),
    );
    expect(new Set(outcomes)).toEqual(new Set(['committed']));
    const kept = await engine.reads.account('project', account.id);
    expect(kept?.members?.toSorted()).toEqual(users.toSorted());
    expect(kept?.seenAt).toBe(19);
    expect(await engine.reads.accountCount()).toBe(1);
  });

  it('leave no record of the writer that gets a conflict, although it has written pointers', async () => {
    const engine = open(await emulator.aws().stage());
    const [ann, bob] = [userId(), userId()];
    const [known, fresh] = [
      project({ members: [ann] }),
      project({ members: [bob], domainId: domainId() }),
    ];
    const taken = unique();
    await engine.commit({ accounts: [known], seen: [taken] });
    expect(
      await engine.commit({ accounts: [{ ...known, members: [bob] }, fresh], seen: [taken] }),
    ).toBe('conflict');
    expect(await engine.reads.projectsOfMember(bob)).toEqual([]);
    expect(await engine.reads.projectsOfMember(ann)).toEqual([known]);
    expect(await engine.reads.accountCount()).toBe(1);
  });

  it('retry when their transactions collide, and one of them returns a conflict', async () => {
    const stage = await emulator.aws().stage();
    const busy = (reasons: string[]) =>
      Promise.reject(
        new AwsError(
          'TransactionCanceledException',
          'cancelled',
          400,
          reasons.map((Code) => ({ Code })),
        ),
      );
    let times = 3;
    const engine = openWith(stage, (_, action) =>
      action === 'TransactWriteItems' && times-- > 0
        ? busy(['TransactionConflict', 'None'])
        : undefined,
    );
    expect(await engine.commit({ operations: [operation()], counters: { n: 1 } })).toBe(
      'committed',
    );
    expect(await engine.reads.counters()).toEqual({ n: 1 });
    const never = openWith(stage, (_, action) =>
      action === 'TransactWriteItems' ? busy(['TransactionConflict']) : undefined,
    );
    expect(await never.commit({ operations: [operation()] })).toBe('conflict');
    await expect(never.commit({ counters: { n: 1 } })).rejects.toMatchObject({
      report: { code: 'engine.busy' },
    });
  });
});

describe('Unreadable notifications', () => {
  it('are limited to 10,000: the sweep removes the oldest first', async () => {
    const stage = await emulator.aws().stage();
    const engine = open(stage);
    for (let at = 0; at < 10_050; at += 1005)
      await engine.commit({ quarantine: numbers(1005).map(() => quarantined()) });
    expect((await engine.reads.quarantine(3)).total).toBe(10_000);
    const kept = await engine.reads.quarantine(10_000);
    expect(await rowsOf(stage)).toBe(2 * 10_050);
    await engine.housekeeping();
    expect(await rowsOf(stage)).toBe(2 * 10_000);
    expect(await engine.reads.quarantine(10_000)).toEqual(kept);
  });
});

async function rowsOf(stage: TestStage): Promise<number> {
  let [count, start]: [number, Record<string, AttributeValue> | undefined] = [0, undefined];
  do {
    const page: ScanOutput = await emulator
      .aws()
      .aws.dynamodb('Scan', { TableName: stage.prefix, Select: 'COUNT', ExclusiveStartKey: start });
    count += page.Count ?? 0;
    start = page.LastEvaluatedKey;
  } while (start);
  return count;
}
