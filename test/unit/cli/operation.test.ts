import { KeystoneActionName } from '../../../events/operation.ts';
import { showOperation } from '../../../lib/cli/show/operation.ts';
import { showOperations } from '../../../lib/cli/show/operations.ts';
import { colored, NOON, plain, requestedCleanup, taskOf, viewOf } from './samples.ts';

const shownText = (...[operation, tasks, more]: Parameters<typeof viewOf>): string =>
  showOperation(viewOf(operation, tasks, more), [], NOON, plain);
const ENABLED = 'showed the project, enabled';
const DISABLED = 'showed the project, disabled';
/** Returns the text of the line of the head with this title. */
const lineOf = (text: string, title: string): string | undefined =>
  text
    .split('\n')
    .find((one) => one.startsWith(title.padEnd(11)))
    ?.slice(11);

describe('propagator operation', () => {
  it('shows counts, obstacles and the party that must act', () => {
    const nova = taskOf('nova', {
      state: 'requested',
      counts: { 'nova.server': { found: 3, removed: 1, left: 2 } },
    });
    const waitsOn = [
      {
        on: 'nova.server (2): it is locked',
        since: NOON - 20_000,
        actor: 'operator',
        advice: 'Unlock it.',
        requestId: 'req-1',
        deadLetter: false,
      },
      { on: 'neutron: HTTP 503', since: NOON - 5000, actor: 'none', deadLetter: false },
    ];
    const absentServices = ['heat', 'zun'].map((name) =>
      taskOf(name, { state: 'skipped', region: 'none', because: 'the catalog has none' }),
    );
    const offByDefault = taskOf('gnocchi', {
      state: 'skipped',
      because: 'off by default: evidence',
    });
    expect(
      shownText(
        {},
        [nova, taskOf('neutron', { state: 'pending' }), ...absentServices, offByDefault],
        { waitsOn },
      ),
    ).toBe(
      `
op-0123456789ab  cleanup of project shop (4f0c)
state      running, mode enforce, for 1m 0s
because    identity.project.deleted by ann, received at 2026-03-01T11:59:00Z
Keystone   answered 404 at 2026-03-01T11:59:10Z and 2026-03-01T11:59:15Z

SERVICE  REGION     STATE      NOTE
nova     RegionOne  requested
neutron  RegionOne  pending
gnocchi  RegionOne  skipped    off by default: evidence
not in this cloud: heat, zun

TYPE         FOUND  REMOVED  LEFT
nova.server      3        1     2

Waiting for
! nova.server (2): it is locked
    for 20s; the operator must act; req-1
    Unlock it.
· neutron: HTTP 503
    for 5s; no action needed`.slice(1),
    );
  });

  it('shows that another deletion was received', () => {
    const nextDeletion = { eventType: 'identity.project.deleted', at: NOON };
    expect(lineOf(shownText({ nextDeletion }), 'next')).toBe(
      'another deletion was received (identity.project.deleted); its operation starts when this ' +
        'one ends',
    );
  });

  it('shows the requester, the reason and the current Keystone action', () => {
    const barbican = taskOf('barbican', { state: 'requested', phase: 'pre-delete' });
    const keystoneAction = { what: 'assign-role', number: 1, since: NOON - 3000, done: false };
    expect(
      shownText(requestedCleanup(true, { state: 'pre-delete', keystoneAction }), [
        barbican,
        taskOf('nova', { state: 'pending' }),
      ]),
    ).toBe(
      `
op-0123456789ab  cleanup of project shop (4f0c)
state      pre-delete, mode enforce, for 1m 0s
because    requested by ann at 2026-03-01T11:59:00Z. The project was enabled, and ann confirmed the deletion. Reason: the customer left
Keystone   showed the project, enabled
now        assigning roles to the propagator on the project in Keystone, for 3s

SERVICE   REGION     STATE      NOTE
barbican  RegionOne  requested  before the deletion
nova      RegionOne  pending`.slice(1),
    );
  });

  it.each([
    ['confirming', true, undefined, 'has not been asked yet', undefined],
    ['pre-delete', true, { what: 'assign-role', done: true }, ENABLED, undefined],
    [
      'pre-delete',
      true,
      { what: 'disable', done: false },
      ENABLED,
      'disabling the project in Keystone, for 3s',
    ],
    ['running', true, { what: 'disable', done: true }, `${ENABLED}; it is now disabled`, undefined],
    ['running', false, undefined, DISABLED, undefined],
    [
      'closing',
      true,
      { what: 'delete', done: false },
      `${ENABLED}; it is now disabled`,
      'deleting the project in Keystone, for 3s',
    ],
    ['finished', true, { what: 'delete', done: true }, `${ENABLED}; it is now deleted`, undefined],
    [
      'finished',
      false,
      { what: 'delete', done: true },
      `${DISABLED}; it is now deleted`,
      undefined,
    ],
    [
      'held',
      true,
      { what: 'revoke-role', done: false },
      ENABLED,
      'revoking the roles of the propagator on the project in Keystone, for 3s',
    ],
    ['held', false, { what: 'delete', done: false }, DISABLED, undefined],
    [
      'canceled',
      true,
      { what: 'enable', done: false },
      `${ENABLED}; it is now disabled`,
      'enabling the project in Keystone, for 3s',
    ],
    ['canceled', true, { what: 'enable', done: true }, ENABLED, undefined],
  ])(
    'shows the account in Keystone and the action in progress: %s, enabled %s, %j',
    (state, enabled, keystoneAction, keystone, now) => {
      const text = shownText(
        requestedCleanup(enabled, {
          state,
          keystoneAction: keystoneAction && { ...keystoneAction, number: 1, since: NOON - 3000 },
        }),
      );
      expect([lineOf(text, 'Keystone'), lineOf(text, 'now')]).toEqual([keystone, now]);
    },
  );

  it.each(KeystoneActionName.options)('shows an operation with the Keystone action %s', (what) => {
    const keystoneAction = { what, number: 1, since: NOON - 3000, done: false };
    const text = shownText(requestedCleanup(true, { state: 'running', keystoneAction }));
    expect(lineOf(text, 'now')).toMatch(/ing .*the project in Keystone, for 3s$/);
  });

  it('shows the operator that released it, and the reason', () => {
    const released = { by: 'bob', reason: 'looked at it', at: NOON };
    expect(lineOf(shownText({ released }), 'released')).toBe(
      'by bob at 2026-03-01T12:00:00Z: looked at it',
    );
    expect(lineOf(shownText({}), 'released')).toBeUndefined();
  });

  it('shows when Keystone confirmed a change that is no deletion', () => {
    expect(lineOf(shownText({ action: 'suspend' }), 'Keystone')).toBe(
      'showed this change at 2026-03-01T11:59:10Z and 2026-03-01T11:59:15Z',
    );
  });

  it('shows unreachable resources once with advice, and retained resources', () => {
    const unsupported = { class: 'Unsupported', actor: 'operator', count: 1 };
    const barbican = taskOf('barbican', {
      state: 'unreachable',
      because: 'secrets could not be reached',
      conditions: [
        {
          ...unsupported,
          resourceType: 'barbican.secret',
          message: 'only a token on the project shows it',
          advice: 'Ask for the cleanup before.',
        },
        {
          ...unsupported,
          resourceType: 'barbican.order',
          message: 'only a token on the project shows it',
          advice: 'Ask for the cleanup before.',
        },
        { ...unsupported, resourceType: 'barbican.container', message: 'half a page' },
      ],
    });
    const conditions = [
      {
        ...unsupported,
        resourceType: 'glance.image',
        message: 'skipped: a slash is in its name',
        advice: 'Remove the row.',
        example: 'a//b',
      },
      {
        ...unsupported,
        resourceType: 'glance.metadef-namespace',
        message: 'skipped: a slash is in its name',
        advice: 'Remove the row.',
        count: 3,
        example: 'x/y',
      },
      {
        ...unsupported,
        actor: 'none',
        resourceType: 'glance.task',
        message: 'skipped: no such extension',
      },
    ];
    const manila = taskOf('manila', { state: 'unreachable' });
    const text = shownText({ state: 'unverified', endedAt: NOON }, [
      barbican,
      manila,
      taskOf('glance', { conditions }),
    ]);
    expect(text.slice(text.indexOf('Unreachable'))).toBe(
      `
Unreachable
? barbican in RegionOne: secrets could not be reached
    barbican.secret, barbican.order: only a token on the project shows it
      Ask for the cleanup before.
    barbican.container: half a page
? manila in RegionOne: no reason was reported

Retained
- glance.image: skipped: a slash is in its name
    a//b
    Remove the row.
- glance.metadef-namespace: skipped: a slash is in its name
    3 of them, for example x/y
    Remove the row.`.slice(1),
    );
  });

  it('shows uncovered and waived types in separate blocks', () => {
    const uncovered = [
      { type: 'dns', name: 'designate' },
      { type: 'rating', name: 'cloudkitty' },
    ];
    const waivers = [
      { type: 'dns', by: 'ann', reason: 'no zones here', at: NOON },
      { type: 'workflow', by: 'ann', reason: 'not in this cloud', at: NOON },
    ];
    const text = showOperation(viewOf({ uncovered }), waivers, NOON, plain);
    expect(text.slice(text.indexOf('Not covered'))).toBe(
      `
Not covered: registered in Keystone, but no operation lists them
? rating (cloudkitty): it is in the catalog, and no service file covers it
    Their resources are unknown. If a type has no resources of projects: propagator waiver add TYPE --reason "…"

Waived
- dns (designate): by ann at 2026-03-01T12:00:00Z: no zones here`.slice(1),
    );
    expect(showOperation(viewOf({ uncovered: [] }), waivers, NOON, plain)).not.toMatch(
      /Not covered|Waived/,
    );
  });

  it.each(['pre-delete', 'closing'])(
    'shows the state %s in the color of a running operation',
    (state) => {
      expect(showOperation(viewOf(requestedCleanup(true, { state })), [], NOON, colored)).toContain(
        `state      ${colored.cyan(state)},`,
      );
    },
  );
});

describe('propagator operation list', () => {
  it('has one line per operation', () => {
    const held = {
      state: 'held',
      hold: { reason: 'the account has 30000 resources, and the cap is 20000' },
    };
    const user = {
      id: 'op-ba9876543210',
      scope: { type: 'user', id: 'u2' },
      state: 'finished',
      endedAt: NOON - 30_000,
    };
    const resources = { found: 30_000, removed: 0, left: 30_000 };
    expect(
      showOperations({ operations: [viewOf(held, [], { resources }), viewOf(user)] }, NOON, plain),
    ).toBe(
      `
OPERATION        ACCOUNT       STATE     FOUND  REMOVED   LEFT  DURATION  WAITING FOR
op-0123456789ab  project shop  held      30000        0  30000  1m 0s     the account has 30000 resources, and the cap is 20000
op-ba9876543210  user u2       finished      0        0      0  30s`.slice(1),
    );
    expect(showOperations({ operations: [] }, NOON, plain)).toBe('No operations.');
    const long = { state: 'held', hold: { reason: 'x'.repeat(71) } };
    expect(showOperations({ operations: [viewOf(long)] }, NOON, plain)).toMatch(/ x{69}…$/);
  });
});
