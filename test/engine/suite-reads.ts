import {
  DomainId,
  foldId,
  ProjectId,
  ResourceTypeName,
  ServiceName,
  TaskId,
  UserId,
} from '../../events/ids.ts';
import type { AccountRecord } from '../../lib/account/inventory.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import {
  domainId,
  operation,
  operationId,
  project,
  projectId,
  requested,
  task,
  unique,
  userId,
} from './samples.ts';

/** The read operations of the store. */
export function readSuite(open: () => Promise<WorkerEngine>): void {
  describe('reads', () => {
    let engine: WorkerEngine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    const ids = (operations: readonly { readonly id: string }[]) => operations.map(({ id }) => id);

    it('report that the store works', async () => {
      await expect(engine.health()).resolves.toBeUndefined();
    });

    it('find the operations about an account, the newest generation first', async () => {
      const [id, home] = [projectId(), domainId()];
      const scope = { type: 'project', id, domainId: home } as const;
      const generations = [1, 0, 2].map((generation) =>
        operation({ scope, generation, openedAt: 1000 + generation }),
      );
      await engine.commit({
        operations: [
          ...generations,
          operation({ scope: { type: 'domain', id: home } }),
          operation(),
        ],
      });
      const about = await engine.reads.operationsAbout('project', id);
      expect(about.map(({ generation }) => generation)).toEqual([2, 1, 0]);
      expect(await engine.reads.operationsAbout('domain', id)).toEqual([]);
      expect(await engine.reads.operationsAbout('domain', home)).toHaveLength(1);
    });

    it('filter operations by state, project, domain and parent, newest first', async () => {
      const [home, parentId] = [domainId(), operationId()];
      const scope = (id = projectId()) => ({ type: 'project', id, domainId: home }) as const;
      const own = operation({
        id: parentId,
        scope: { type: 'domain', id: home },
        state: 'waiting',
        openedAt: 1,
      });
      const running = operation({ scope: scope(), parentId, state: 'running', openedAt: 2 });
      const finished = operation({
        scope: scope(),
        parentId,
        state: 'finished',
        openedAt: 3,
        endedAt: 4,
      });
      await engine.commit({ operations: [own, running, finished] });
      expect(ids(await engine.reads.operations({ domainId: home }))).toEqual([
        finished.id,
        running.id,
        own.id,
      ]);
      expect(ids(await engine.reads.operations({ domainId: home, limit: 2 }))).toEqual([
        finished.id,
        running.id,
      ]);
      expect(ids(await engine.reads.operations({ parentId }))).toEqual([finished.id, running.id]);
      expect(ids(await engine.reads.operations({ parentId, state: 'running' }))).toEqual([
        running.id,
      ]);
      expect(ids(await engine.reads.operations({ projectId: running.scope.id }))).toEqual([
        running.id,
      ]);
      expect(ids(await engine.reads.operations({ projectId: home }))).toEqual([]);
      await engine.commit({ operations: [{ ...running, version: 1, state: 'finished' }] });
      expect(ids(await engine.reads.operations({ parentId, state: 'running' }))).toEqual([]);
    });

    it('keep the newest waiver of each catalog type until it is removed', async () => {
      const [type, other] = [`t-${unique()}`, `t-${unique()}`];
      const waiver = (of: string, reason: string) => ({ type: of, by: 'ann', reason, at: 1 });
      const known = async () =>
        (await engine.reads.coverageWaivers()).filter((one) => [type, other].includes(one.type));
      await engine.commit({ waivers: [waiver(type, 'first'), waiver(other, 'nothing in it')] });
      await engine.commit({ waivers: [waiver(type, 'second')] });
      expect((await known()).map(({ reason }) => reason).sort()).toEqual([
        'nothing in it',
        'second',
      ]);
      await engine.commit({ removedWaiverTypes: [type] });
      expect(await known()).toEqual([waiver(other, 'nothing in it')]);
    });

    it('keep every decision to stop or resume all destructive work; the newest one applies', async () => {
      const { reads } = engine;
      const at = Date.now();
      const stopped = { what: 'stopped', by: 'ann', reason: `by mistake ${unique()}`, at } as const;
      const resumed = { what: 'resumed', by: 'bob', reason: 'corrected', at: at + 1 } as const;
      await engine.commit({ stopDecision: stopped });
      expect(await reads.stopDecision()).toEqual(stopped);
      await engine.commit({ stopDecision: resumed });
      expect(await reads.stopDecision()).toEqual(resumed);
      expect((await reads.stopDecisions(2)).map(({ by }) => by)).toEqual(['bob', 'ann']);
      expect(await reads.stopDecisions(1)).toEqual([resumed]);
    });

    it('find the projects on which a user was known to have a role', async () => {
      const [ann, bob] = [userId(), userId()];
      const records = [
        project({ members: [ann, bob] }),
        project({ members: [bob] }),
        project({ members: [ann], deletedAt: 5 }),
        project(),
      ];
      await engine.commit({ accounts: records });
      const found = await engine.reads.projectsOfMember(ann);
      expect(found.map(({ account }) => account.id).sort()).toEqual(
        [records[0]?.account.id, records[2]?.account.id].sort(),
      );
      expect(await engine.reads.projectsOfMember(userId())).toEqual([]);
    });

    it('find accounts with any id, also with ids that a database may treat as equal', async () => {
      // The word contains a letter, so that its form in upper case is another id.
      const word = `w${unique()}`;
      const hostile = [
        word,
        word.toUpperCase(),
        `${word} `,
        `${word}/../x`,
        `${word}%2F`,
        `${word}?#&'"`,
        `-${word}`,
        `${word}\nx`,
        `${word}é`,
        `${word}\u{1F600}`,
      ];
      const accounts = hostile.map(
        (id): AccountRecord => ({
          account: {
            type: 'project',
            id: ProjectId.parse(id),
            domainId: DomainId.parse(`d ${id}`.slice(0, 64)),
          },
          seenAt: 1,
          deletedAt: undefined,
          members: [UserId.parse(`u ${id}`.slice(0, 64))],
        }),
      );
      await engine.commit({ accounts });
      const alike = await engine.reads.accountsWithFoldedId('project', foldId(word));
      expect(alike.map(({ account }) => account.id).sort()).toEqual(hostile.slice(0, 3).sort());
      for (const record of accounts) {
        expect(await engine.reads.account('project', record.account.id)).toMatchObject({
          account: record.account,
        });
        const member = record.members?.[0];
        if (member)
          expect(await engine.reads.projectsOfMember(member)).toMatchObject([
            { account: record.account },
          ]);
      }
      const found = await engine.reads.accounts('project', hostile);
      expect(found.map(({ account }) => account.id).sort()).toEqual([...hostile].sort());
      const opened = hostile.map((id) =>
        operation({ scope: { type: 'project', id: ProjectId.parse(id) } }),
      );
      await engine.commit({ operations: opened });
      for (const one of opened)
        expect(ids(await engine.reads.operationsAbout('project', one.scope.id))).toEqual([one.id]);
    });

    it('find the deletions that are held, until they are released', async () => {
      const before = (await engine.reads.suspicions(1000)).total;
      const cause = { messageId: 'm', eventType: 'identity.project.deleted', at: 1 };
      const held: AccountRecord = {
        account: { type: 'project', id: ProjectId.parse(`${unique()}#/ x`) },
        seenAt: 0,
        deletedAt: 1,
        members: undefined,
        suspicion: { cause, at: 9_000_000_000_000, keystone: 'absent' },
      };
      await engine.commit({ accounts: [held] });
      const { total, records } = await engine.reads.suspicions(1000);
      expect(total - before).toBe(1);
      expect(records[0]).toMatchObject({ account: held.account, suspicion: held.suspicion });
      const { suspicion: _, ...released } = held;
      await engine.commit({ accounts: [released] });
      expect((await engine.reads.suspicions(1000)).total).toBe(before);
      const since = 7_000_000_000_000;
      await engine.commit({
        operations: [operation({ startedAt: since, cause: { ...cause, suspicious: true } })],
      });
      expect(await engine.reads.countStartedSince(since, 'project')).toBe(0);
    });

    it('find the operations about a user, and count started ones separately from those about projects', async () => {
      const since = 6_000_000_000_000;
      const before = await engine.reads.countStartedSince(since, 'user');
      const gone = operation({
        scope: { type: 'user', id: userId(), name: 'ann', projects: [projectId()] },
        startedAt: since,
      });
      await engine.commit({ operations: [gone, operation({ startedAt: since })] });
      expect(ids(await engine.reads.operations({ userId: gone.scope.id }))).toEqual([gone.id]);
      expect(
        (await engine.reads.operationsAbout('user', gone.scope.id)).map(({ scope }) => scope),
      ).toEqual([gone.scope]);
      expect((await engine.reads.countStartedSince(since, 'user')) - before).toBe(1);
    });

    it('return the stored request of an operation that an administrator requested', async () => {
      const verifiedEmpty = [ResourceTypeName.parse('barbican.container')];
      const planned = {
        id: TaskId.parse('op-0123456789ab/heat/RegionOne'),
        service: ServiceName.parse('heat'),
        region: 'RegionOne',
      };
      const asked = operation({
        state: 'pre-delete',
        order: [
          {
            ...planned,
            dependsOn: [
              {
                task: TaskId.parse('op-0123456789ab/barbican/RegionOne'),
                strength: 'preferred',
                until: 'empty',
                types: verifiedEmpty,
              },
            ],
            preDelete: false,
            types: [],
          },
        ],
        request: { by: 'ann', reason: 'contract ended', at: 5, enabled: true },
        keystoneAction: { what: 'assign-role', number: 1, since: 6, done: true, absentSince: 7 },
        roles: ['r1'],
        uncovered: [{ type: 'rating', name: 'cloudkitty' }],
        waived: [{ type: 'x', by: 'ann', reason: 'y', at: 1 }],
      });
      const one = task(asked.id, 'barbican', {
        preDelete: 'done',
        verifications: {
          'barbican.secret': { status: 'empty', verifiedAt: 7, phase: 'pre-delete', stale: false },
          'barbican.container': { status: 'present', verifiedAt: 8, phase: 'apply', stale: true },
        },
        validFromRun: 3,
        overtook: [],
      });
      await engine.commit({ operations: [asked], tasks: [one] });
      expect(await engine.reads.operation(asked.id)).toEqual({ ...asked, version: 1 });
      expect(await engine.reads.task(one.id)).toEqual({ ...one, version: 1 });
    });

    it('count the operations that started removals since a time, in mode enforce', async () => {
      const since = 5_000_000_000_000;
      const before = await engine.reads.countStartedSince(since, 'project');
      await engine.commit({
        operations: [
          operation({ startedAt: since }),
          operation({ startedAt: since + 1 }),
          operation({ startedAt: since - 1 }),
          operation({ startedAt: since + 1, mode: 'observe' }),
          operation(),
        ],
      });
      expect((await engine.reads.countStartedSince(since, 'project')) - before).toBe(2);
    });

    it('return the records for a step as the separate reads do', async () => {
      const { reads } = engine;
      const partition = `step-${unique()}`;
      const startedSince = 4_000_000_000_000;
      const query = {
        startedSince,
        documentPartition: { collection: 'deletion-hold', partition },
      } as const;
      const started = operation({ startedAt: startedSince });
      const user = { type: 'user', id: userId(), name: 'ann', projects: [projectId()] } as const;
      const ofUser = operation({ scope: user, startedAt: startedSince });
      const hold = (id: string, at: number) =>
        ({ ...query.documentPartition, id, version: 0, value: { by: 'ünï', at } }) as const;
      await engine.commit({
        operations: [
          started,
          ofUser,
          operation({ startedAt: startedSince, action: 'suspend' }),
          operation({ startedAt: startedSince, cause: { ...started.cause, suspicious: true } }),
        ],
        tasks: [task(started.id, 'nova'), task(started.id, 'cinder', { run: 4 })],
        waivers: [{ type: `t-${unique()}`, by: 'ann', reason: 'nothing in it', at: 1 }],
        documents: [hold('b', 1.5), hold('a', 2), { ...hold('c', 3), partition: 'other' }],
      });
      for (const { id, scope, action } of [started, ofUser])
        expect(await reads.stepRecords(id, query)).toEqual({
          operation: await reads.operation(id),
          tasks: await reads.tasks(id),
          startedCount: await reads.countStartedSince(startedSince, scope.type, action),
          waivers: await reads.coverageWaivers(),
          documents: await reads.documents('deletion-hold', partition),
        });
      const read = await reads.stepRecords(started.id, query);
      expect(read?.tasks.map(({ service }) => service)).toEqual(['cinder', 'nova']);
      expect(read?.documents.map(({ id }) => id)).toEqual(['a', 'b']);
      expect(read?.startedCount).toBeGreaterThanOrEqual(1);
      expect(await reads.stepRecords(operationId(), query)).toBeUndefined();
    });

    it('list the tasks of an operation with all their fields', async () => {
      const of = operationId();
      const nova = task(of, 'nova', {
        state: 'dead-lettered',
        counts: { 'nova.server': { found: 3, removed: 1, left: 2 } },
        conditions: [
          { class: 'Blocked', message: 'locked', actor: 'customer', count: 2, since: 7 },
        ],
        error: {
          code: 'nova.http.500',
          class: 'Unexpected',
          message: 'm',
          advice: 'a',
          status: 500,
        },
        nextAt: 9,
      });
      await engine.commit({ tasks: [task(of, 'swift'), nova, task(operationId())] });
      expect(await engine.reads.tasks(of)).toEqual([
        { ...nova, version: 1 },
        { ...task(of, 'swift'), version: 1 },
      ]);
    });

    it('find accounts by id, by type and by domain', async () => {
      const home = domainId();
      const [one, two] = [project({ domainId: home }), project({ domainId: home, deletedAt: 5 })];
      const before = await engine.reads.accountCount();
      const domain = {
        account: { type: 'domain', id: home },
        seenAt: 1,
        deletedAt: undefined,
        members: undefined,
      } as const;
      await engine.commit({ accounts: [one, two, project({ domainId: domainId() }), domain] });
      expect(await engine.reads.accountCount()).toBe(before + 4);
      expect(ids((await engine.reads.projectsOf(home)).map(({ account }) => account))).toEqual(
        ids([one.account, two.account]).toSorted(),
      );
      expect(await engine.reads.accounts('project', [two.account.id, 'none'])).toEqual([two]);
      expect((await engine.reads.accounts('domain')).map(({ account }) => account.id)).toContain(
        home,
      );
      expect(await engine.reads.account('user', home)).toBeUndefined();
    });

    it('list the accounts of a type in the order of their ids, in pages', async () => {
      const made = [project(), project(), project()];
      await engine.commit({ accounts: made });
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await engine.reads.accountsAfter('project', after, 2);
        expect(page.length).toBeLessThanOrEqual(2);
        if (page.length === 0) break;
        seen.push(...page.map(({ account }) => account.id));
      }
      expect(seen).toEqual([...new Set(seen)]);
      expect(seen).toHaveLength((await engine.reads.accounts('project')).length);
      expect(seen).toEqual(expect.arrayContaining(made.map(({ account }) => account.id)));
    });

    it('add up counters, and count waiting messages', async () => {
      const [counter, service] = [unique(), `t${unique()}`];
      await Promise.all(
        Array.from({ length: 10 }, () => engine.commit({ counters: { [counter]: 2 } })),
      );
      expect((await engine.reads.counters())[counter]).toBe(20);
      await engine.commit({
        messages: [
          requested(service, 1),
          requested(service, 2),
          { ...requested(service, 3), delaySeconds: 600 },
        ],
        deadLetters: [
          {
            message: requested(service, 4),
            error: { code: 'x', class: 'Denied', message: 'm', advice: 'a' },
          },
        ],
      });
      expect((await engine.reads.depths())[`service-${service}`]).toEqual({
        ready: 2,
        delayed: 1,
        active: 0,
        dead: 1,
      });
    });
  });
}
