import { isGone } from '../../../lib/account/inventory.ts';
import { ingest } from '../../../lib/handlers/ingest.ts';
import { cadf, domain, failUnavailable, project, role, user } from './ingest-fixture.ts';
import { eachIngest, fixture, record } from './ingest-inventory-fixture.ts';

eachIngest();

describe('an update', () => {
  it('is published as disabled if Keystone shows the project disabled for the first time', async () => {
    fixture.keystone.enable('project', 'p1', false);
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    fixture.keystone.enable('project', 'p1', true);
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    expect(fixture.eventTexts).toEqual([
      'account.project.disabled project p1',
      'account.project.updated project p1',
      'account.project.enabled project p1',
    ]);
  });

  it('contains the current name in Keystone, and the inventory stores it', async () => {
    fixture.keystone.put({ ...project('p1'), name: 'renamed' });
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    expect(fixture.eventTexts).toEqual(['account.project.updated renamed']);
    expect(record('project/p1')?.account.name).toBe('renamed');
    expect(record('project/p1')?.members).toEqual(['u1']);
  });

  it('is dropped if Keystone does not have the account, and the inventory is unchanged', async () => {
    fixture.keystone.remove('project', 'p1');
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    expect(fixture.eventTexts).toEqual([]);
    expect(record('project/p1')).toMatchObject({
      deletedAt: undefined,
      account: { name: 'project p1' },
    });
    expect(fixture.counter('notification.absent')).toBe(1);
  });

  it('is published as disabled for an unknown project that is disabled', async () => {
    fixture.keystone.put(project('p3', { enabled: false }));
    await fixture.deliver(cadf('identity.project.updated', 'p3'));
    expect(fixture.eventTexts).toEqual(['account.project.disabled project p3']);
  });

  it('is published as disabled also if the inventory sync saw the change first', async () => {
    fixture.keystone.enable('project', 'p1', false);
    await fixture.syncInventory();
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    expect(fixture.eventTexts).toEqual(['account.project.disabled project p1']);
  });
});

describe('a creation', () => {
  it('queries Keystone for the name and the members, including inherited roles', async () => {
    fixture.keystone.put(project('p3', { parentId: 'p1' }));
    fixture.keystone.roles.push(role('p3', 'u2'));
    await fixture.deliver(cadf('identity.project.created', 'p3'));
    expect(fixture.events[0]?.data.account).toEqual({
      type: 'project',
      id: 'p3',
      name: 'project p3',
      domainId: 'd1',
      parentId: 'p1',
      enabled: true,
    });
    expect(record('project/p3')?.members).toEqual(['u2']);
  });
  it('is published as created and disabled if Keystone already shows the account disabled', async () => {
    fixture.keystone.put(user('u3', false));
    await fixture.deliver(cadf('identity.user.created', 'u3'));
    await fixture.deliver(cadf('identity.user.updated', 'u3'));
    expect(fixture.eventTexts).toEqual([
      'account.user.created user u3',
      'account.user.disabled user u3',
      'account.user.updated user u3',
    ]);
  });
});

describe('a deletion', () => {
  it('does not query Keystone, and is published with the data of the inventory', async () => {
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(cadf('identity.project.deleted', 'p2'));
    expect(fixture.events[0]?.data.account).toEqual({
      type: 'project',
      id: 'p2',
      name: 'project p2',
      domainId: 'd1',
      parentId: 'p1',
      enabled: true,
    });
    expect(fixture.keystone.calls).toEqual([]);
    const tombstone = record('project/p2');
    expect(tombstone && isGone(tombstone)).toBe(true);
  });
  it('is held if neither Keystone nor the inventory has ever shown the account', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'px'));
    expect(fixture.eventTexts).toEqual([]);
    expect(record('project/px')).toMatchObject({ suspicion: { at: fixture.engine.time } });
  });
  it('is published again with another message id, because the first may have been forged', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    expect(fixture.eventTexts).toHaveLength(2);
  });
  it('leaves a time of deletion that has no effect once Keystone shows the project again', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    fixture.engine.time += 10_000;
    await fixture.deliver(cadf('identity.project.updated', 'p1'));
    const alive = record('project/p1');
    expect(alive && isGone(alive)).toBe(false);
    fixture.engine.time += 10_000;
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    expect(record('project/p1')?.deletedAt).toBe(fixture.engine.time);
  });
});

describe('a domain', () => {
  it('is recognized in a notification about a project with the id of the domain', async () => {
    await fixture.deliver(cadf('identity.project.deleted', 'd1'));
    expect(fixture.events.map(({ type, data }) => [type, data.account])).toEqual([
      ['account.domain.deleted', { type: 'domain', id: 'd1', name: 'domain d1', enabled: true }],
    ]);
    expect(record('project/d1')).toBeUndefined();
  });
  it('is published as deleted once, although Keystone sends two notifications', async () => {
    const bothNotifications = (id: string, requestId?: string) =>
      (['identity.project.deleted', 'identity.domain.deleted'] as const).map((type) =>
        cadf(type, id, requestId ? { requestId } : {}),
      );
    const [first = '', second = ''] = bothNotifications('d1', 'req-1');
    await fixture.deliver(first);
    await fixture.deliver(second);
    await fixture.deliver(...bothNotifications('d2', 'req-2'));
    await fixture.deliver(...bothNotifications('d3'));
    expect(fixture.eventTexts).toEqual([
      'account.domain.deleted domain d1',
      'account.domain.deleted domain d2',
    ]);
    // The unknown domain d3 is held once.
    expect((await fixture.engine.reads.suspicions(10)).total).toBe(1);
    fixture.engine.time += 3_600_000;
    await fixture.deliver(cadf('identity.domain.deleted', 'd1'));
    // An old tombstone has no effect, because the first notification may have been forged.
    expect(fixture.eventTexts).toHaveLength(3);
  });
  it('is published once as disabled, and its projects and users are recorded', async () => {
    fixture.keystone.put(project('p3'));
    fixture.keystone.put(user('u3'));
    fixture.keystone.roles.push(role('p3', 'u3'), role('p1', 'u2'));
    fixture.keystone.enable('domain', 'd1', false);
    await fixture.deliver(
      cadf('identity.project.updated', 'd1', { requestId: 'req-1' }),
      cadf('identity.domain.updated', 'd1', { requestId: 'req-1' }),
    );
    expect(fixture.eventTexts).toEqual(['account.domain.disabled domain d1']);
    expect(record('project/p3')).toMatchObject({
      account: { name: 'project p3' },
      members: ['u3'],
    });
    expect(record('project/p1')?.members).toEqual(['u1', 'u2']);
    expect(record('user/u3')?.account).toMatchObject({ name: 'user u3', domainId: 'd1' });
  });
  it('that is unknown is recognized by the answer of Keystone', async () => {
    fixture.keystone.put(domain('d4', false));
    await fixture.deliver(cadf('identity.project.updated', 'd4', { requestId: 'req-1' }));
    await fixture.deliver(cadf('identity.domain.updated', 'd4', { requestId: 'req-1' }));
    expect(fixture.eventTexts).toEqual(['account.domain.disabled domain d4']);
  });
  it('gets the members of its many projects by one call', async () => {
    for (let n = 0; n < 15; n += 1) {
      fixture.keystone.put(project(`many${n}`));
      fixture.keystone.roles.push(role(`many${n}`, 'u2'));
    }
    fixture.keystone.enable('domain', 'd1', false);
    await fixture.deliver(cadf('identity.domain.updated', 'd1'));
    expect(record('project/many14')?.members).toEqual(['u2']);
    expect(fixture.keystone.calls.filter((call) => call === 'members')).toHaveLength(1);
  });
});

describe('a repeated notification', () => {
  it('is recognized by its content, not only by its id', async () => {
    await fixture.deliver(cadf('identity.project.updated', 'p1', { messageId: 'm' }));
    await fixture.deliver(cadf('identity.user.deleted', 'u1', { messageId: 'm' }));
    await fixture.deliver(cadf('identity.project.deleted', 'p1', { messageId: 'm' }));
    expect(fixture.eventTexts.filter((one) => one.includes('deleted'))).toEqual([
      'account.user.deleted user u1',
      'account.project.deleted project p1',
    ]);
    expect(fixture.counter('notification.duplicate')).toBe(0);
  });
  it('is ingested once, in the same batch and in a later one', async () => {
    const body = cadf('identity.project.deleted', 'p1');
    await fixture.deliver(body, body);
    await fixture.deliver(body);
    expect(fixture.eventTexts).toEqual(['account.project.deleted project p1']);
    expect(fixture.counter('notification.duplicate')).toBe(2);
  });
  it('is decided again if another process ingests it between read and write', async () => {
    const { reads } = fixture.engine;
    const body = cadf('identity.project.deleted', 'p1', { messageId: 'contested' });
    let asked = 0;
    const seenMessageIds: typeof reads.seenMessageIds = async (ids) => {
      const answer = await reads.seenMessageIds(ids);
      asked += 1;
      if (asked === 1) for (const id of ids) fixture.engine.seenIds.set(id, 0);
      return answer;
    };
    const engine = {
      reads: { ...reads, seenMessageIds },
      commit: fixture.engine.commit.bind(fixture.engine),
    };
    await ingest([{ message: fixture.received(body), receiveCount: 1 }], {
      ...fixture.deps,
      engine,
    });
    expect(fixture.eventTexts).toEqual([]);
    expect(fixture.counter('notification.duplicate')).toBe(1);
  });
});
