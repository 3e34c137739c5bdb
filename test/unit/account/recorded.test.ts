import { AccountEvent } from '../../../events/account.ts';
import { DomainId, ProjectId, UserId } from '../../../events/ids.ts';
import { isGone } from '../../../lib/account/inventory.ts';
import { readNotification } from '../../../lib/account/notification.ts';
import { FORMATS, IngestFixture, recordedBodies, role } from './ingest-fixture.ts';

/**
 * Reads the ids in one recording by their names in the scenario: a domain `acme` with the projects
 * a, b and c, the user alice and her group.
 */
function namedIds(bodies: string[]) {
  const ids = bodies.map((body, index) => {
    const reading = readNotification({ body, encoding: 'utf8', source: 'test', receivedAt: 0 });
    if (reading.kind === 'unreadable') throw new Error(`line ${index}: ${reading.reason}`);
    return reading.notification.accountId ?? '';
  });
  const [acme = '', a = '', b = '', c = '', alice = '', group = ''] = ids;
  return { acme, a, b, c, alice, group };
}

/**
 * Returns a function that changes the accounts in Keystone to their state when Keystone sent the
 * given line of the recording.
 */
function keystoneChanges(
  fixture: IngestFixture,
  { acme, a, b, c, alice, group }: ReturnType<typeof namedIds>,
) {
  const { keystone } = fixture;
  const domainId = DomainId.parse(acme);
  const project = (id: string, name: string, parentId = acme) =>
    keystone.put({
      type: 'project',
      id: ProjectId.parse(id),
      name,
      domainId,
      parentId,
      enabled: true,
    });
  const steps: Record<number, () => void> = {
    0: () => keystone.put({ type: 'domain', id: domainId, name: 'acme', enabled: true }),
    1: () => project(a, 'a'),
    2: () => project(b, 'b', a),
    3: () => project(c, 'c'),
    4: () =>
      keystone.put({
        type: 'user',
        id: UserId.parse(alice),
        name: 'alice',
        domainId,
        enabled: true,
      }),
    6: () => keystone.groups.set(group, [UserId.parse(alice)]),
    13: () => project(a, 'a, renamed'),
    14: () => keystone.enable('project', c, false),
    15: () => keystone.enable('project', c, true),
    16: () => keystone.enable('user', alice, false),
    17: () => keystone.enable('user', alice, true),
    18: () => keystone.remove('project', c),
    20: () => keystone.enable('domain', acme, false),
    22: () => keystone.remove('project', b),
    23: () => keystone.remove('project', a),
    26: () => keystone.remove('user', alice),
    27: () => keystone.remove('domain', acme),
  };
  return (line: number) => steps[line]?.();
}

const EXPECTED_EVENTS = [
  'account.domain.created acme',
  'account.project.created a',
  'account.project.created b',
  'account.project.created c',
  'account.user.created alice',
  'account.project.updated a, renamed',
  'account.project.disabled c',
  'account.project.enabled c',
  'account.user.disabled alice',
  'account.user.enabled alice',
  'account.project.deleted c',
  'account.domain.disabled acme',
  'account.project.deleted b',
  'account.project.deleted a, renamed',
  'account.user.deleted alice',
  'account.domain.deleted acme',
];

describe.each(FORMATS)('the recording of a real Keystone in the format %s', (format) => {
  const bodies = recordedBodies(format);

  async function ingestRecording(): Promise<IngestFixture & { ids: ReturnType<typeof namedIds> }> {
    const fixture = Object.assign(new IngestFixture(), { ids: namedIds(bodies) });
    const applyLine = keystoneChanges(fixture, fixture.ids);
    for (const [line, body] of bodies.entries()) {
      applyLine(line);
      fixture.engine.time += 1000;
      await fixture.deliver(body);
    }
    return fixture;
  }

  it('has 29 notifications, and each of them is read', () => {
    expect(bodies).toHaveLength(29);
    for (const body of bodies)
      expect(readNotification({ body, encoding: 'utf8', source: 'test', receivedAt: 0 }).kind).toBe(
        'notification',
      );
  });

  it('results in one account event for each change, with names that Keystone no longer has', async () => {
    const fixture = await ingestRecording();
    expect(fixture.eventTexts).toEqual(EXPECTED_EVENTS);
    expect(fixture.engine.quarantineRecords).toEqual([]);
    expect(fixture.delayedNotifications).toEqual([]);
    expect(fixture.counter('notification.received')).toBe(29);
    for (const event of fixture.events) expect(AccountEvent.parse(event)).toEqual(event);
  });

  it('leaves records of deleted accounts with name, domain, parent and members', async () => {
    const { engine, ids } = await ingestRecording();
    const record = (key: string) => engine.accounts.get(key);
    expect(record(`project/${ids.b}`)?.account).toMatchObject({
      name: 'b',
      domainId: ids.acme,
      parentId: ids.a,
    });
    // The user alice had a role on `a` directly, and on `c` by a group.
    expect(record(`project/${ids.a}`)?.members).toEqual([ids.alice]);
    expect(record(`project/${ids.c}`)?.members).toEqual([ids.alice]);
    expect([...engine.accounts.values()].map(isGone)).toEqual([true, true, true, true, true]);
  });

  it('contains the initiator, if the notification has one', async () => {
    const fixture = await ingestRecording();
    const initiators = fixture.events.map(({ data }) => data.cause.initiator?.name);
    // Basic payloads have no initiator. The deletions that Keystone itself makes while it deletes a
    // domain have none in CADF either.
    const admin = format === 'basic-messagingv2' ? undefined : 'admin';
    expect(initiators).toEqual(
      EXPECTED_EVENTS.map((_, index) => ([12, 13, 14].includes(index) ? undefined : admin)),
    );
    expect(
      fixture.events.every(
        ({ data }) =>
          data.cause.at > Date.UTC(2026, 10, 23) && data.cause.at < Date.UTC(2026, 10, 24),
      ),
    ).toBe(true);
  });

  it('counts the notifications without an effect', async () => {
    const fixture = await ingestRecording();
    const dropped = Object.fromEntries(
      [...fixture.engine.counters].filter(([name]) => name.startsWith('notification.dropped.')),
    );
    expect(dropped).toEqual({
      'notification.dropped.identity.group.created': 1,
      'notification.dropped.identity.group.updated': 1,
      'notification.dropped.identity.group.deleted': 1,
      'notification.dropped.role-on-domain': 1,
      'notification.dropped.identity.credential.created': 1,
      'notification.dropped.identity.OS-TRUST:trust.created': 1,
      'notification.dropped.identity.role_assignment.deleted': 1,
      'notification.dropped.identity.application_credential.deleted': 1,
      ...(format === 'basic-messagingv2'
        ? { 'notification.dropped.identity.application_credential.created': 1 }
        : {}),
    });
  });

  it('ingested later in one batch results in all deletions, with the data of the inventory', async () => {
    const fixture = new IngestFixture();
    const ids = namedIds(bodies);
    const applyLine = keystoneChanges(fixture, ids);
    for (let line = 0; line <= 13; line += 1) applyLine(line);
    fixture.keystone.roles.push(role(ids.a, ids.alice));
    await fixture.syncInventory();
    for (let line = 14; line <= 28; line += 1) applyLine(line);
    await fixture.deliver(...bodies);
    expect(fixture.eventTexts).toEqual([
      'account.project.deleted c',
      'account.project.deleted b',
      'account.project.deleted a, renamed',
      'account.user.deleted alice',
      'account.domain.deleted acme',
    ]);
  });
});
