import * as fc from 'fast-check';
import { AccountEvent } from '../../events/account.ts';
import { isGone } from '../../lib/account/inventory.ts';
import { readNotification } from '../../lib/account/notification.ts';
import {
  domain,
  FORMATS,
  failUnavailable,
  IngestFixture,
  project,
  recordedBodies,
  role,
  user,
} from '../unit/account/ingest-fixture.ts';
import { runs } from './runs.ts';

/**
 * PostgreSQL stores neither a NUL nor half of a surrogate pair. One such character would block a
 * whole batch forever.
 */
const isStorable = (value: unknown): boolean => !/\\u0000|\\ud[89a-f]/i.test(JSON.stringify(value));

/** A fixture in which Keystone shows a few accounts that notifications may match by chance. */
async function newSimulation(): Promise<IngestFixture> {
  const fixture = new IngestFixture();
  for (const account of [
    domain('d1'),
    domain('d2', false),
    project('p1'),
    project('p2', { enabled: false }),
    user('u1'),
  ])
    fixture.keystone.put(account);
  fixture.keystone.roles.push(role('p1', 'u1'));
  await fixture.syncInventory();
  return fixture;
}

function expectAccountedFor(fixture: IngestFixture, count: number): void {
  const { 'notification.received': received = 0, ...counters } = Object.fromEntries(
    fixture.engine.counters,
  );
  const ends = Object.entries(counters).filter(([name]) => name.startsWith('notification.'));
  expect(received).toBe(count);
  expect(ends.reduce((sum, [, number]) => sum + number, 0)).toBe(count);
  expect(fixture.engine.quarantineRecords).toHaveLength(fixture.counter('notification.unreadable'));
  expect(fixture.delayedNotifications).toHaveLength(fixture.counter('notification.delayed'));
  for (const event of fixture.events) {
    expect(AccountEvent.parse(event)).toEqual(event);
    expect(isStorable(event)).toBe(true);
  }
  for (const { body, encoding } of fixture.engine.quarantineRecords)
    expect(encoding === 'base64' || !body.includes('\0')).toBe(true);
  expect(isStorable([...fixture.engine.accounts.values()])).toBe(true);
  expect(fixture.engine.counters.size).toBeLessThan(120);
}

const operation = fc.constantFrom('created', 'updated', 'deleted', 'disabled', '');
const resource = fc.constantFrom(
  'project',
  'domain',
  'user',
  'group',
  'role_assignment',
  'application_credential',
  'project tag',
  '',
);
const id = fc.oneof(
  fc.constantFrom('p1', 'p2', 'd1', 'd2', 'u1', 'new', '__proto__', 'constructor'),
  fc.string({ unit: 'binary' }),
);
const anything = fc.oneof(id, fc.jsonValue(), fc.constant(undefined));
const eventType = fc.oneof(
  fc.tuple(resource, operation).map(([what, how]) => `identity.${what}.${how}`),
  fc.string({ unit: 'binary' }),
);
/** Notifications that are valid in most fields and invalid in some. */
const nearly = fc
  .record(
    {
      message_id: anything,
      event_type: eventType,
      timestamp: fc.oneof(fc.constant('2026-11-23 03:49:48.266196'), anything),
      payload: fc.oneof(
        { weight: 1, arbitrary: fc.jsonValue() },
        {
          weight: 9,
          arbitrary: fc.record(
            {
              typeURI: anything,
              outcome: fc.oneof(fc.constant('success'), anything),
              resource_info: id,
              target: fc.oneof(fc.record({ id }), anything),
              reason: anything,
              request_id: anything,
              initiator: fc.oneof(
                fc.record({
                  user_id: anything,
                  username: anything,
                  project_id: id,
                  request_id: anything,
                }),
                anything,
              ),
              project: id,
              domain: id,
              user: id,
              group: id,
              inherited_to_projects: fc.oneof(fc.boolean(), anything),
            },
            { requiredKeys: [] },
          ),
        },
      ),
    },
    { requiredKeys: ['event_type'] },
  )
  .chain((inner) =>
    fc.constantFrom(
      JSON.stringify(inner),
      JSON.stringify({ 'oslo.version': '2.0', 'oslo.message': JSON.stringify(inner) }),
    ),
  );
const all = FORMATS.flatMap(recordedBodies);
/** A real notification that is truncated or has a few bytes overwritten. */
const damaged = fc
  .tuple(
    fc.constantFrom(...all),
    fc.array(fc.tuple(fc.nat(3000), fc.nat(255)), { maxLength: 5 }),
    fc.option(fc.nat(3000)),
  )
  .map(([body, hits, end]) => {
    const bytes = Buffer.from(body);
    for (const [at, byte] of hits) bytes[at % bytes.length] = byte;
    return end === null ? bytes : bytes.subarray(0, end);
  });

describe('any notification', () => {
  it('becomes an event, a record, a drop, a retry or a quarantine record, and never an exception', async () => {
    const body = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.string({ unit: 'binary' }),
      nearly,
      damaged,
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 1, maxLength: 12 }), async (bodies) => {
        const fixture = await newSimulation();
        await fixture.deliver(...bodies);
        expectAccountedFor(fixture, bodies.length);
      }),
      { numRuns: runs(400) },
    );
  });

  it('is interpreted the same way each time', () =>
    fc.assert(
      fc.property(nearly, (body) => {
        const data = { body, encoding: 'utf8', source: 'test', receivedAt: 0 } as const;
        expect(readNotification(data)).toEqual(readNotification(data));
      }),
    ));
});

describe('the recorded scenario, with the inventory filled before it', () => {
  const names = ['acme', 'a', 'b', 'c', 'alice'] as const;
  const bodies = recordedBodies('cadf-messagingv2');
  const ids = bodies.slice(0, 5).map((body) => {
    const reading = readNotification({ body, encoding: 'utf8', source: 'test', receivedAt: 0 });
    return reading.kind === 'notification' ? (reading.notification.accountId ?? '') : '';
  });

  async function before(): Promise<IngestFixture> {
    const fixture = new IngestFixture();
    const [acme = '', a = '', b = '', c = '', alice = ''] = ids;
    const inside = domain(acme);
    if (inside.type !== 'domain') throw new Error('not a domain');
    const named = [
      { ...inside, name: names[0] },
      { ...project(a, { domainId: inside.id }), name: names[1] },
      { ...project(b, { domainId: inside.id, parentId: a }), name: names[2] },
      { ...project(c, { domainId: inside.id }), name: names[3] },
      { ...user(alice), name: names[4] },
    ];
    for (const account of named) fixture.keystone.put(account);
    fixture.keystone.roles.push(role(a, alice));
    await fixture.syncInventory();
    fixture.keystone.accounts.clear();
    fixture.keystone.roles.length = 0;
    fixture.engine.time += 1000;
    return fixture;
  }
  const ending = (fixture: IngestFixture) => ({
    logged: fixture.eventTexts.toSorted(),
    gone: [...fixture.engine.accounts.values()]
      .filter(isGone)
      .map(({ account, members }) => [account.name, members])
      .toSorted(),
  });
  const expected = {
    logged: [
      'account.domain.deleted acme',
      'account.project.deleted a',
      'account.project.deleted b',
      'account.project.deleted c',
      'account.user.deleted alice',
    ],
    gone: [
      ['a', [ids[4]]],
      ['acme', undefined],
      ['alice', undefined],
      ['b', []],
      ['c', []],
    ],
  };

  /** Every notification at least once, some repeatedly, in any order and in batches of any size. */
  const delivery = fc
    .array(fc.nat(bodies.length - 1), { maxLength: 30 })
    .chain((again) =>
      fc.shuffledSubarray([...bodies, ...again.map((index) => bodies[index] ?? '')], {
        minLength: bodies.length + again.length,
      }),
    )
    .chain((order) =>
      fc.tuple(fc.constant(order), fc.infiniteStream(fc.integer({ min: 1, max: 20 }))),
    );
  const batches = (order: readonly string[], sizes: Iterator<number>): string[][] => {
    const cut: string[][] = [];
    for (let from = 0; from < order.length; ) {
      const size = sizes.next().value ?? 1;
      cut.push(order.slice(from, from + size));
      from += size;
    }
    return cut;
  };

  it('publishes the same five deletions once each, in any order, with any repetition, in batches of any size', async () => {
    await fc.assert(
      fc.asyncProperty(delivery, async ([order, sizes]) => {
        const fixture = await before();
        for (const batch of batches(order, sizes)) await fixture.deliver(...batch);
        expect(ending(fixture)).toEqual(expected);
      }),
      { numRuns: runs(150) },
    );
  });

  it('publishes the same while Keystone is unavailable at times, and the store fails before or after a write', async () => {
    const faults = fc.infiniteStream(fc.constantFrom('fine', 'fine', 'away'));
    const crashes = fc.infiniteStream(fc.constantFrom('fine', 'fine', 'before', 'after'));
    await fc.assert(
      fc.asyncProperty(delivery, faults, crashes, async ([order, sizes], fault, crash) => {
        const fixture = await before();
        fixture.keystone.fault = () => fault.next().value === 'away' && failUnavailable();
        const { commit } = fixture.engine;
        let writes = 0;
        fixture.engine.commit = async (change) => {
          writes += 1;
          const how = writes > 200 ? 'fine' : crash.next().value;
          if (how === 'before') throw new Error('the store is away');
          const done = await commit.call(fixture.engine, change);
          if (how === 'after') throw new Error('the process dies');
          return done;
        };
        for (const batch of batches(order, sizes)) {
          const messages = batch.map((body) => fixture.received(body));
          for (let tries = 1; ; tries += 1) {
            try {
              await fixture.deliverReceived(...messages);
              break;
            } catch (thrown) {
              // Delivered again, but not forever.
              if (tries > 300) throw thrown;
            }
          }
        }
        fixture.keystone.fault = () => undefined;
        fixture.engine.commit = commit;
        while (fixture.delayedNotifications.length > 0) await fixture.deliverDelayed();
        expect(ending(fixture)).toEqual(expected);
      }),
      { numRuns: runs(150) },
    );
  });
});
