import { type ProjectId, UserId } from '../../../events/ids.ts';
import { isGone } from '../../../lib/account/inventory.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { cadf, failUnavailable, project, role } from './ingest-fixture.ts';
import { eachIngest, fixture, record } from './ingest-inventory-fixture.ts';

eachIngest();

describe('while Keystone does not answer', () => {
  it('notifications that need Keystone wait, and the others continue', async () => {
    fixture.keystone.fault = failUnavailable;
    fixture.keystone.enable('project', 'p1', false);
    await fixture.deliver(
      cadf('identity.project.updated', 'p1'),
      cadf('identity.project.deleted', 'p2'),
      cadf('identity.user.updated', 'u1'),
      'garbage',
    );
    expect(fixture.eventTexts).toEqual(['account.project.deleted project p2']);
    expect(fixture.delayedNotifications.map(({ dueAt }) => dueAt - fixture.engine.time)).toEqual([
      5_000, 5_000,
    ]);
    expect(fixture.engine.quarantineRecords).toHaveLength(1);
    for (let hour = 0; hour < 3; hour += 1) await fixture.deliverDelayed();
    expect(fixture.delayedNotifications).toHaveLength(2);
    fixture.keystone.fault = () => undefined;
    await fixture.deliverDelayed();
    await fixture.deliverDelayed();
    expect(fixture.eventTexts).toEqual([
      'account.project.deleted project p2',
      'account.project.disabled project p1',
      'account.user.updated user u1',
    ]);
    expect(fixture.delayedNotifications).toEqual([]);
  });
  it('a notification waits longer each time, up to five minutes or the delay that Keystone requests', async () => {
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    const waits: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      waits.push(Number(fixture.delayedNotifications[0]?.dueAt) - fixture.engine.time);
      await fixture.deliverDelayed();
    }
    expect(waits.slice(0, 2)).toEqual([5_000, 5_000]);
    expect(waits.toSorted((a, b) => a - b)).toEqual(waits);
    expect(waits.at(-1)).toBe(300_000);
    fixture.keystone.fault = () => {
      throw new PropagatorError({
        code: 'x',
        class: 'Transient',
        message: 'slow down',
        advice: '',
        retryAfterSeconds: 900,
      });
    };
    await fixture.deliverDelayed();
    expect(Number(fixture.delayedNotifications[0]?.dueAt) - fixture.engine.time).toBe(900_000);
  });
  it('Keystone is called a few times, not once for each notification', async () => {
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(
      ...Array.from({ length: 200 }, (_, n) => cadf('identity.project.updated', `n${n}`)),
    );
    expect(fixture.delayedNotifications).toHaveLength(200);
    expect(fixture.keystone.calls.length).toBeLessThan(20);
  });
  it('a domain whose projects and users cannot be listed waits as a whole', async () => {
    fixture.keystone.enable('domain', 'd1', false);
    fixture.keystone.fault = (call) => call === 'users' && failUnavailable();
    await fixture.deliver(cadf('identity.domain.updated', 'd1'));
    expect(fixture.eventTexts).toEqual([]);
    expect(record('domain/d1')?.account.enabled).toBe(true);
    expect(fixture.delayedNotifications).toHaveLength(1);
  });
  it('a refused login delays a notification as well', async () => {
    fixture.keystone.fault = () => {
      throw new PropagatorError({
        code: 'keystone.http.403',
        class: 'Denied',
        message: 'no',
        advice: '',
      });
    };
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    expect(fixture.delayedNotifications).toHaveLength(1);
  });
});

describe('members of a project', () => {
  const assigned = (payload: object) =>
    cadf('identity.role_assignment.created', undefined, { payload });
  it('are recorded when a user or a group gets a role, and never removed', async () => {
    fixture.keystone.groups.set('g1', [UserId.parse('u2'), UserId.parse('u3')]);
    await fixture.deliver(
      assigned({ project: 'p1', user: 'u9' }),
      assigned({ project: 'p1', group: 'g1' }),
    );
    fixture.keystone.roles.length = 0;
    fixture.keystone.roles.push(role('p2', 'u5'));
    await fixture.syncInventory();
    expect(record('project/p1')?.members).toEqual(['u1', 'u2', 'u3', 'u9']);
    expect(fixture.eventTexts).toEqual([]);
  });
  it('are read from the notification about an application credential', async () => {
    await fixture.deliver(
      cadf('identity.application_credential.created', 'c1', {
        payload: { initiator: { user_id: 'u7', project_id: 'p1' } },
      }),
    );
    expect(record('project/p1')?.members).toEqual(['u1', 'u7']);
  });
  it('are recorded after Keystone has shown a project that was unknown', async () => {
    fixture.keystone.put(project('p3', { enabled: false }));
    await fixture.deliver(
      assigned({ project: 'p3', user: 'u1' }),
      assigned({ project: 'p4', user: 'u1' }),
    );
    expect(record('project/p3')).toMatchObject({
      account: { name: 'project p3', domainId: 'd1' },
      members: ['u1'],
    });
    expect(record('project/p4')).toBeUndefined();
    await fixture.deliver(cadf('identity.project.updated', 'p3'));
    expect(fixture.eventTexts).toEqual([
      'account.project.created project p3',
      'account.project.disabled project p3',
    ]);
  });
  it('are recorded for all child projects if the role is inherited', async () => {
    fixture.keystone.put(project('p3', { parentId: 'p2' }));
    fixture.keystone.put(project('other'));
    await fixture.syncInventory();
    await fixture.deliver(assigned({ project: 'p1', user: 'u8', inherited_to_projects: true }));
    expect(['p1', 'p2', 'p3', 'other'].map((id) => record(`project/${id}`)?.members)).toEqual([
      ['u1'],
      ['u8'],
      ['u8'],
      [],
    ]);
    await fixture.deliver(assigned({ domain: 'd1', user: 'u9', inherited_to_projects: true }));
    expect(record('project/other')?.members).toEqual(['u9']);
  });
  it('are recorded for the known child projects of an unknown project', async () => {
    fixture.keystone.put(project('p3', { parentId: 'unknown' }));
    await fixture.syncInventory();
    await fixture.deliver(
      assigned({ domain: 'd1', user: 'u9', inherited_to_projects: true }),
      assigned({ project: 'unknown', user: 'u8', inherited_to_projects: true }),
    );
    expect(record('project/p3')?.members).toEqual(['u8', 'u9']);
    expect(record('project/unknown')).toBeUndefined();
  });
  it('wait while the members of the group cannot be listed', async () => {
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(assigned({ project: 'p1', group: 'g1' }));
    expect(fixture.delayedNotifications).toHaveLength(1);
  });
  it('wait while Keystone cannot show an unknown project', async () => {
    fixture.keystone.put(project('p3'));
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(assigned({ project: 'p3', user: 'u9' }));
    expect(fixture.delayedNotifications).toHaveLength(1);
    expect(record('project/p3')).toBeUndefined();
    fixture.keystone.fault = () => undefined;
    await fixture.deliverDelayed();
    expect(record('project/p3')?.members).toEqual(['u9']);
  });
  it('are recorded for a deleted project, which exists again only if Keystone shows it', async () => {
    await fixture.deliver(
      cadf('identity.project.deleted', 'p1'),
      cadf('identity.project.deleted', 'p2'),
    );
    fixture.keystone.remove('project', 'p2');
    fixture.engine.time += 10_000;
    await fixture.deliver(
      assigned({ project: 'p1', user: 'u8' }),
      assigned({ project: 'p2', user: 'u9' }),
    );
    const [shown, absent] = [record('project/p1'), record('project/p2')];
    expect([shown?.members, absent?.members]).toEqual([['u1', 'u8'], ['u9']]);
    expect([shown && isGone(shown), absent && isGone(absent)]).toEqual([false, true]);
    expect(fixture.counter('notification.recorded')).toBe(2);
  });
  it('are not read from a role on a domain, because such a role gives no access to projects', async () => {
    await fixture.deliver(assigned({ domain: 'd1', user: 'u9' }));
    expect(record('project/p1')?.members).toEqual(['u1']);
    expect(fixture.counter('notification.dropped.role-on-domain')).toBe(1);
  });
  it.each([
    ['a user or a group', { project: 'p1' }],
    ['a project or a domain', { user: 'u1' }],
  ])('are unreadable without %s', async (_, payload) => {
    await fixture.deliver(assigned(payload));
    expect(fixture.engine.quarantineRecords.map(({ reason }) => reason)).toEqual([
      'a role assignment without a user or group, or without a project or domain',
    ]);
  });
  it('are not changed by a failed role assignment', async () => {
    await fixture.deliver(assigned({ project: 'p1', user: 'u9', outcome: 'failure' }));
    expect(record('project/p1')?.members).toEqual(['u1']);
    expect(fixture.counter('notification.dropped.outcome')).toBe(1);
  });
});

describe('a notification has no effect', () => {
  it('if it reports a refused password change, although its outcome is success', async () => {
    const payload = {
      reason: { reasonType: 'Password does not meet expectations', reasonCode: '400' },
    };
    await fixture.deliver(cadf('identity.user.updated', 'u1', { payload }));
    expect([
      fixture.eventTexts,
      fixture.counter('notification.dropped.rejected-password-change'),
    ]).toEqual([[], 1]);
  });
  it('if it reports a failed change', async () => {
    await fixture.deliver(
      cadf('identity.project.deleted', 'p1', { payload: { outcome: 'failure' } }),
    );
    expect([fixture.eventTexts, fixture.counter('notification.dropped.outcome')]).toEqual([[], 1]);
  });
  it('if its event type is unknown, and all unknown types share one counter', async () => {
    await fixture.deliver(
      ...Array.from({ length: 50 }, (_, n) => cadf(`made.up.${n}`, 'x')),
      cadf('identity.authenticate', undefined),
      cadf('identity.project tag.created', 'a tag'),
    );
    expect(Object.fromEntries(fixture.engine.counters)).toEqual({
      'inventory.filled': 1,
      'notification.received': 52,
      'notification.dropped.unknown-event-type': 50,
      'notification.dropped.identity.authenticate': 1,
      'notification.dropped.identity.project tag.created': 1,
    });
  });
});

describe('an unreadable notification', () => {
  it('is quarantined with the reason, its first 64 KiB, and its full size', async () => {
    await fixture.deliver('x'.repeat(100_000), Buffer.alloc(3 * 1024 * 1024, 0xfe));
    expect(
      fixture.engine.quarantineRecords.map(({ reason, body, encoding, bytes }) => [
        reason,
        Buffer.from(body, encoding).length,
        encoding,
        bytes,
      ]),
    ).toEqual([
      ['not JSON', 65_536, 'utf8', 100_000],
      ['too big: 3145728 bytes; a notification has a few thousand', 65_536, 'base64', 3_145_728],
    ]);
    expect(fixture.counter('notification.unreadable')).toBe(2);
  });
  it('is quarantined if no database can store its id', async () => {
    await fixture.deliver(
      cadf('identity.project.deleted', 'x'.repeat(65)),
      cadf('identity.user.deleted', undefined),
    );
    expect(fixture.engine.quarantineRecords.map(({ reason }) => reason)).toEqual([
      'identity.project.deleted names no account with a valid id',
      'identity.user.deleted names no account with a valid id',
    ]);
    expect(fixture.eventTexts).toEqual([]);
  });
  it('gets one record if it is delivered twice, and two if it was sent twice', async () => {
    const [one, other] = [fixture.received('same'), fixture.received('same')];
    await fixture.deliverReceived(one, other);
    await fixture.deliverReceived(one);
    expect(new Set(fixture.engine.quarantineRecords.map(({ id }) => id)).size).toBe(2);
  });
});

describe('the inventory sync from the lists of Keystone', () => {
  it.each(['domains', 'projects', 'users', 'members'])(
    'changes nothing when %s fails, or is empty',
    async (list) => {
      const before = new Map(fixture.engine.accounts);
      fixture.keystone.put(project('p9'));
      fixture.keystone.fault = (call) => call === list && failUnavailable();
      await expect(fixture.syncInventory()).rejects.toMatchObject({
        report: { class: 'Transient' },
      });
      fixture.keystone.fault = () => undefined;
      Object.assign(fixture.keystone, { [list]: async () => [] });
      await expect(fixture.syncInventory()).rejects.toMatchObject({
        report: { code: 'keystone.list.empty' },
      });
      expect(fixture.engine.accounts).toEqual(before);
    },
  );
  it('counts the accounts that Keystone no longer lists, and deletes none of them', async () => {
    fixture.keystone.remove('project', 'p2');
    fixture.keystone.remove('domain', 'd2');
    expect(await fixture.syncInventory()).toEqual({ accountCount: 4, missingCount: 2 });
    expect(record('project/p2')).toMatchObject({
      deletedAt: undefined,
      account: { name: 'project p2' },
    });
  });
  it('does not count deleted accounts, or accounts created during the listing, as vanished', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'p2'));
    fixture.keystone.remove('project', 'p2');
    const { members } = fixture.keystone;
    fixture.keystone.members = async (id?: ProjectId) => {
      const answer = await members(id);
      fixture.engine.time += 5;
      if (id === undefined) {
        fixture.keystone.members = members;
        const late = project('late');
        fixture.keystone.put(late);
        await fixture.deliver(cadf('identity.project.created', 'late'));
        fixture.keystone.remove('project', 'late');
      }
      return answer;
    };
    expect((await fixture.syncInventory()).missingCount).toBe(0);
  });
  it('stores only new and changed accounts', async () => {
    const written: string[] = [];
    const { commit } = fixture.engine;
    fixture.engine.commit = (change) => {
      written.push(...(change.accounts ?? []).map(({ account }) => account.id));
      return commit.call(fixture.engine, change);
    };
    const filled = async () => {
      written.length = 0;
      fixture.engine.time += 60_000;
      await fixture.syncInventory();
      return written.toSorted();
    };
    expect(await filled()).toEqual([]);
    fixture.keystone.put({ ...project('p2'), name: 'renamed' });
    fixture.keystone.put(project('p9'));
    fixture.keystone.roles.push(role('p1', 'u2'));
    expect(await filled()).toEqual(['p1', 'p2', 'p9']);
    expect(record('project/p2')?.account.name).toBe('renamed');
    // A deleted account that Keystone shows again is stored as existing.
    await fixture.deliver(cadf('identity.project.deleted', 'p2'));
    expect(await filled()).toEqual(['p2']);
  });
  it('keeps the times of deletion and the members', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    const tombstone = record('project/p1')?.deletedAt;
    fixture.keystone.roles.splice(0, 1, role('p1', 'u2'));
    await fixture.syncInventory();
    expect(record('project/p1')).toMatchObject({ deletedAt: tombstone, members: ['u1', 'u2'] });
  });
});
