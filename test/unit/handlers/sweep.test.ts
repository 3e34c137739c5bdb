import type { Account } from '../../../events/account.ts';
import { openCleanup } from '../../../lib/operation/open-cleanup.ts';
import { step } from '../../../lib/operation/step.ts';
import {
  cadf,
  domain,
  failUnavailable,
  IngestFixture,
  project,
  role,
  user,
} from '../account/ingest-fixture.ts';

let fixture: IngestFixture;
const record = (key: string) => fixture.engine.accounts.get(key);
const operationAbout = (id: string) =>
  [...fixture.engine.operations.values()].find(({ scope }) => scope.id === id);

/** An inventory with 1 domain, 20 projects and 20 users, filled some time ago. */
beforeEach(async () => {
  fixture = new IngestFixture();
  fixture.keystone.put(domain('d1'));
  for (let n = 0; n < 20; n += 1) {
    fixture.keystone.put(project(`p${n}`));
    fixture.keystone.put(user(`u${n}`));
    fixture.keystone.roles.push(role(`p${n}`, `u${n}`));
  }
  await fixture.syncInventory();
  fixture.engine.time += 60_000;
});

describe('a change that no notification announced', () => {
  it('opens the same operations as an announced change: for a deleted project, domain and user', async () => {
    fixture.keystone.put(domain('d2'));
    await fixture.sweep();
    expect(fixture.eventTexts).toEqual(['account.domain.created domain d2']);
    fixture.engine.clear();
    fixture.engine.time += 60_000;
    fixture.keystone.remove('project', 'p2');
    fixture.keystone.remove('domain', 'd2');
    fixture.keystone.remove('user', 'u3');
    expect(await fixture.sweep()).toMatchObject({ deleted: 3, announcedChanges: 0, held: 0 });
    expect(fixture.eventTexts).toEqual([
      'account.domain.deleted domain d2',
      'account.project.deleted project p2',
      'account.user.deleted user u3',
    ]);
    expect(fixture.events[1]?.data.cause).toMatchObject({ eventType: 'sweep' });
    expect(record('project/p2')).toMatchObject({ deletedAt: fixture.engine.time, members: ['u2'] });
    expect(record('project/p3')?.deletedAt).toBeUndefined();
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ deleted: 0 });
    expect(fixture.eventTexts).toHaveLength(3);
  });

  it('is recorded and announced once when an account was disabled or enabled', async () => {
    fixture.keystone.enable('project', 'p1', false);
    fixture.keystone.enable('user', 'u1', false);
    expect(await fixture.sweep()).toMatchObject({ announcedChanges: 2, deleted: 0 });
    expect(record('project/p1')?.account.enabled).toBe(false);
    expect(record('user/u1')?.account.enabled).toBe(false);
    expect(record('project/p2')?.account.enabled).toBe(true);
    fixture.engine.time += 60_000;
    await fixture.sweep();
    fixture.keystone.enable('project', 'p1', true);
    fixture.engine.time += 60_000;
    await fixture.sweep();
    expect(record('project/p1')?.account.enabled).toBe(true);
    expect(fixture.eventTexts).toEqual([
      'account.project.disabled project p1',
      'account.user.disabled user u1',
      'account.project.enabled project p1',
    ]);
  });

  it('is recorded and announced when a project was created, with its members', async () => {
    fixture.keystone.put(project('late'));
    fixture.keystone.roles.push(role('late', 'u1'), role('late', 'u1'));
    await fixture.sweep();
    expect(record('project/late')).toMatchObject({ members: ['u1'], deletedAt: undefined });
    expect(fixture.eventTexts).toEqual(['account.project.created project late']);
  });

  it('is announced for an account that was first listed at the start of the process', async () => {
    fixture.keystone.put({ ...project('late'), enabled: false });
    fixture.keystone.put(user('new'));
    fixture.keystone.enable('project', 'p1', false);
    await fixture.syncInventory();
    expect(fixture.eventTexts).toEqual([]);
    expect(record('project/p1')?.account.enabled).toBe(true);
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ announcedChanges: 4 });
    expect(fixture.eventTexts).toEqual([
      'account.project.disabled project p1',
      'account.project.created project late',
      'account.project.disabled project late',
      'account.user.created user new',
    ]);
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ announcedChanges: 0 });
  });

  it('is not announced for an account that existed before the inventory was first filled', async () => {
    fixture = new IngestFixture();
    fixture.keystone.put(domain('d1'));
    fixture.keystone.put(user('u1'));
    fixture.keystone.put({ ...project('old'), enabled: false });
    fixture.keystone.roles.push(role('old', 'u1'));
    const { commit } = fixture.engine;
    // The first comparison is interrupted. The second one is the first complete one.
    fixture.engine.commit = async (change) => {
      await commit.call(fixture.engine, {
        ...change,
        accounts: change.accounts?.slice(0, 1) ?? [],
      });
      fixture.engine.commit = commit;
      throw new Error('the process ends');
    };
    await expect(fixture.syncInventory()).rejects.toThrow('the process ends');
    await fixture.syncInventory();
    fixture.engine.time += 60_000;
    await fixture.sweep();
    expect(fixture.eventTexts).toEqual([]);
    expect(record('project/old')?.account.enabled).toBe(false);
  });

  it('is announced for a known account before the first complete comparison', async () => {
    fixture = new IngestFixture();
    fixture.keystone.put(domain('d1'));
    fixture.keystone.put(user('u1'));
    fixture.keystone.put(project('p1'));
    await fixture.deliver(cadf('identity.project.created', 'p1'));
    fixture.keystone.enable('project', 'p1', false);
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ listed: 3, announcedChanges: 1 });
    expect(fixture.eventTexts).toEqual([
      'account.project.created project p1',
      'account.project.disabled project p1',
    ]);
  });

  it('is announced once when its notification arrives after the listing at the start', async () => {
    fixture.keystone.put(project('late'));
    fixture.keystone.put(project('later'));
    await fixture.syncInventory();
    await fixture.deliver(cadf('identity.project.created', 'late'));
    // The notification about the creation is lost, and another one follows.
    fixture.keystone.enable('project', 'later', false);
    await fixture.deliver(cadf('identity.project.updated', 'later'));
    fixture.engine.time += 60_000;
    await fixture.sweep();
    expect(fixture.eventTexts).toEqual([
      'account.project.created project late',
      'account.project.created project later',
      'account.project.disabled project later',
    ]);
  });

  it('is announced if only a role assignment had shown the disabled project', async () => {
    fixture.keystone.put({ ...project('quiet'), enabled: false });
    await fixture.deliver(
      cadf('identity.role_assignment.created', undefined, {
        payload: { project: 'quiet', user: 'u1', role: 'r' },
      }),
    );
    expect(record('project/quiet')?.account.enabled).toBeUndefined();
    fixture.engine.time += 60_000;
    await fixture.sweep();
    expect(fixture.eventTexts).toEqual([
      'account.project.created project quiet',
      'account.project.disabled project quiet',
    ]);
  });

  it('does not include a change that a notification announced during the listing', async () => {
    const { eachPage } = fixture.keystone;
    fixture.keystone.eachPage = async (type, take) => {
      await eachPage.call(fixture.keystone, type, take);
      if (type !== 'project') return;
      fixture.keystone.eachPage = eachPage;
      fixture.engine.time += 5;
      fixture.keystone.put(project('late'));
      await fixture.deliver(cadf('identity.project.created', 'late'));
      fixture.keystone.remove('project', 'p1');
      await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    };
    fixture.engine.clear();
    expect(await fixture.sweep()).toMatchObject({ deleted: 0, held: 0 });
    expect(fixture.eventTexts).toEqual([
      'account.project.created project late',
      'account.project.deleted project p1',
    ]);
  });

  it('does not include a listed state that is older than an announced state', async () => {
    const { eachPage } = fixture.keystone;
    fixture.keystone.eachPage = async (type, take) => {
      fixture.keystone.eachPage = eachPage;
      const pages: (readonly Account[])[] = [];
      await eachPage.call(fixture.keystone, type, async (page) => void pages.push(page));
      fixture.engine.time += 5;
      fixture.keystone.enable('domain', 'd1', false);
      await fixture.deliver(cadf('identity.domain.updated', 'd1'));
      for (const page of pages) await take(page);
    };
    await fixture.sweep();
    expect(fixture.eventTexts).toEqual(['account.domain.disabled domain d1']);
    expect(record('domain/d1')?.account.enabled).toBe(false);
  });
});

describe('a list of accounts that may be incomplete', () => {
  const TYPES = ['domain', 'project', 'user'] as const;
  it.each(TYPES)('marks no %s as missing if it ends in an error, or is empty', async (type) => {
    const types = TYPES.filter((one) => one !== type);
    for (const other of types)
      if (other !== 'domain') fixture.keystone.remove(other, `${other[0]}1`);
    const before = new Map(fixture.engine.accounts);
    let pages = 0;
    fixture.keystone.fault = (call) => {
      if (call === `page of ${type}s` && ++pages === (type === 'domain' ? 1 : 4)) failUnavailable();
    };
    await expect(fixture.sweep()).rejects.toMatchObject({ report: { class: 'Transient' } });
    fixture.keystone.fault = () => undefined;
    const { eachPage } = fixture.keystone;
    fixture.keystone.eachPage = (asked, take) =>
      asked === type ? take([]) : eachPage.call(fixture.keystone, asked, take);
    await expect(fixture.sweep()).rejects.toMatchObject({
      report: { code: 'keystone.list.empty' },
    });
    expect(fixture.engine.accounts).toEqual(before);
    expect(fixture.engine.operations.size).toBe(0);
    expect(fixture.eventTexts).toEqual([]);
  });

  const MISSING = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
  const sweepIncompleteList = async () => {
    for (const id of MISSING) fixture.keystone.remove('project', id);
    fixture.keystone.remove('user', 'u1');
    return fixture.sweep();
  };

  it('holds each missing account if more than a fifth of the accounts are missing, and announces none', async () => {
    expect(await sweepIncompleteList()).toMatchObject({ held: 6, deleted: 1 });
    // The list of users is checked on its own. One of twenty users is missing.
    expect(fixture.eventTexts).toEqual(['account.user.deleted user u1']);
    expect([...fixture.engine.operations.values()].map(({ scope }) => scope.id)).toEqual(MISSING);
    expect(operationAbout('p0')).toMatchObject({
      state: 'held',
      scope: { type: 'project', members: ['u0'] },
      cause: { eventType: 'sweep' },
      hold: {
        about: 'listing',
        reason: expect.stringContaining('no longer lists 6 of 20 known projects'),
        advice: expect.stringContaining(`operation release ${operationAbout('p0')?.id}`),
      },
    });
    expect(fixture.engine.waiting.map(({ message }) => message.type)).toEqual([
      'account.user.deleted',
    ]);
    expect(record('project/p0')?.deletedAt).toBeUndefined();
  });

  it('is logged, with the ids and the command', async () => {
    const lines: [object, string][] = [];
    const log = {
      ...fixture.deps.log,
      info: () => {},
      warn: (fields: object, text: string) => lines.push([fields, text]),
    };
    Object.assign(fixture.deps, { log });
    await sweepIncompleteList();
    expect(lines.find(([, text]) => text.includes('6 of 20'))?.[0]).toMatchObject({
      held: 6,
      accounts: MISSING,
      advice: expect.stringContaining('propagator operation release'),
    });
  });

  it('keeps the operations of missing accounts held, even if fewer are missing from later lists', async () => {
    await sweepIncompleteList();
    fixture.engine.clear();
    for (const id of ['p0', 'p1', 'p2']) fixture.keystone.put(project(id));
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ held: 3, deleted: 0 });
    expect(fixture.eventTexts).toEqual([]);
    // The accounts that are listed again were never deleted.
    expect(operationAbout('p0')).toMatchObject({
      state: 'refused',
      hold: { reason: 'Keystone lists the account again' },
    });
    expect(operationAbout('p3')).toMatchObject({ state: 'held' });
  });

  it('leads to a new confirmation, under the caps, after a release by an operator', async () => {
    await sweepIncompleteList();
    const held = operationAbout('p0');
    if (!held) throw new Error('nothing is held');
    const rules = {
      now: fixture.engine.time,
      confirmationIntervalMillis: 1000,
      stallTimeoutMillis: 1000,
      maxWaitMillis: 1000,
      maxAttempts: 5,
      maxResourcesPerOperation: 10,
      maxOperationsPerHour: 10,
      startedLastHour: 0,
      waivers: [],
      heldTypes: [],
    };
    const released = { kind: 'released', by: 'ann', reason: 'it is gone' } as const;
    expect(step(held, [], { ...released, since: 1 }, rules)).toBeUndefined();
    const after = step(held, [], { ...released, since: held.hold?.since }, rules);
    expect(after).toMatchObject({
      operations: [
        {
          state: 'confirming',
          confirmedAt: [],
          released: undefined,
          hold: undefined,
          cause: { note: 'released by ann: it is gone' },
        },
      ],
      messages: [{ type: 'operation.confirm', data: { operationId: held.id, confirmation: 1 } }],
    });
    // An account that is still missing is neither held a second time nor announced.
    await fixture.engine.commit({ operations: after?.operations ?? [] });
    fixture.engine.time += 60_000;
    expect(await fixture.sweep()).toMatchObject({ held: 5, deleted: 0 });
    expect(record('project/p0')?.deletedAt).toBeUndefined();
  });

  it('leads to a cleanup of an account whose deletion a notification announces later', async () => {
    await sweepIncompleteList();
    const held = operationAbout('p0');
    if (!held) throw new Error('nothing is held');
    const input = {
      scope: held.scope,
      cause: { ...held.cause, messageId: 'm1', eventType: 'identity.project.deleted' },
      cleanups: [held],
      mode: 'enforce',
      now: fixture.engine.time,
      gracePeriodMillis: 5,
      protectedBecause: undefined,
    } as const;
    expect(openCleanup(input)).toMatchObject({
      operation: { id: held.id, state: 'confirming', hold: undefined },
      messages: [{ type: 'operation.confirm' }],
    });
    expect(openCleanup({ ...input, listingProblem: 'again' })).toBeUndefined();
    expect(openCleanup({ ...input, protectedBecause: 'the settings' })).toBeUndefined();
  });
});

describe('the sweep of a large cloud', () => {
  it('processes 20,000 projects and 100,000 users in pages', async () => {
    const SIZE = { domain: 3, project: 20_000, user: 100_000 } as const;
    const PAGE = 1000;
    const createByType = { domain, project, user };
    const nameOf = (n: number) => `x${String(n).padStart(6, '0')}`;
    let openPages = 0;
    const { engine, keystone } = fixture;
    engine.accounts.clear();
    // The inventory counts as never filled, so no account is announced.
    engine.counters.clear();
    keystone.eachPage = async (type, take) => {
      for (let from = 0; from < SIZE[type]; from += PAGE) {
        expect(++openPages).toBe(1);
        const length = Math.min(PAGE, SIZE[type] - from);
        const page: Account[] = Array.from({ length }, (_, n) =>
          createByType[type](nameOf(from + n)),
        );
        await take(page);
        // A page that stays in memory would be found here.
        page.length = 0;
        openPages -= 1;
      }
    };
    keystone.members = async () => [];
    const failOnWholeList = async (): Promise<never> => {
      throw new Error('a whole list was requested');
    };
    keystone.projects = failOnWholeList;
    keystone.users = failOnWholeList;
    keystone.domains = failOnWholeList;
    const sizes: number[] = [];
    const { commit } = engine;
    engine.commit = (change) => {
      sizes.push(change.accounts?.length ?? 0);
      return commit.call(engine, change);
    };
    // The store is read by id and by page only.
    Object.assign(engine.reads, {
      accounts: async (type: Account['type'], ids?: readonly string[]) => {
        if (!ids) return failOnWholeList();
        sizes.push(ids.length);
        return ids.flatMap((id) => engine.accounts.get(`${type}/${id}`) ?? []);
      },
      accountsAfter: async (type: Account['type'], after: string | undefined, limit: number) => {
        sizes.push(limit);
        const first = after === undefined ? 0 : Number(after.slice(1)) + 1;
        return Array.from({ length: limit }, (_, n) => `${type}/${nameOf(first + n)}`).flatMap(
          (key) => engine.accounts.get(key) ?? [],
        );
      },
    });
    expect(await fixture.sweep()).toEqual({
      listed: 120_003,
      deleted: 0,
      announcedChanges: 0,
      held: 0,
    });
    expect(engine.accounts.size).toBe(120_003);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(PAGE);
  }, 60_000);
});
