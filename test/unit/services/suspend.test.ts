import { aodh } from '../../../lib/services/aodh.ts';
import { LOCK_REASON } from '../../../lib/services/nova/server-state.ts';
import { nova } from '../../../lib/services/nova.ts';
import { octavia } from '../../../lib/services/octavia.ts';
import { swift } from '../../../lib/services/swift.ts';
import type { Service } from '../../../lib/task/service.ts';
import { compute, fixture, server } from './suspend-fixture.ts';

async function rowOf(service: Service, { context }: ReturnType<typeof fixture>, id: string) {
  const [type] = service.suspension?.types ?? [];
  const rows = await type?.(service.name).list(context);
  const row = rows?.find((one) => one.id === id);
  if (!row) throw new TypeError(`no row ${id}`);
  return row;
}

const ours = { locked: true, locked_reason: LOCK_REASON };

describe('Nova: a server', () => {
  it.each([
    ['active', {}, { vmState: 'active', lock: true, stop: true }],
    ['active', { locked: true }, { vmState: 'active', lock: false, stop: true }],
    ['paused', {}, { vmState: 'paused', lock: true, stop: false }],
    ['suspended', {}, { vmState: 'suspended', lock: true, stop: false }],
  ])('can be suspended if it is %s %j', async (vm, more, before) => {
    const row = await rowOf(nova, compute(server(vm, more)), 's1');
    expect(row.assess()).toEqual({ kind: 'suspend', recordedState: { ...before, how: 'stop' } });
  });

  it.each([
    ['stopped', {}, 'at-rest'],
    ['shelved_offloaded', {}, 'at-rest'],
    ['paused', { locked: true }, 'at-rest'],
    ['rescued', {}, 'report-only'],
    ['resized', {}, 'report-only'],
    ['error', {}, 'report-only'],
    ['building', {}, 'wait'],
    ['active', { 'OS-EXT-STS:task_state': 'rebooting' }, 'wait'],
  ])('is not suspended if it is %s %j: %s', async (vm, more, kind) => {
    const row = await rowOf(nova, compute(server(vm, more)), 's1');
    expect(row.assess()).toMatchObject({ kind });
  });

  const before = { vmState: 'active', lock: true, stop: true };
  it('is locked and then stopped; the resume starts it and then unlocks it', async () => {
    const active = compute(server('active'));
    await (await rowOf(nova, active, 's1')).suspend(before);
    expect(active.calls.map(([, , json]) => json)).toEqual([
      { lock: { locked_reason: LOCK_REASON } },
      { 'os-stop': null },
    ]);
    const stopped = compute(server('stopped', ours));
    await (await rowOf(nova, stopped, 's1')).resume(before);
    expect(stopped.calls.map(([, , json]) => json)).toEqual([{ 'os-start': null }]);
    const started = compute(server('active', ours));
    await (await rowOf(nova, started, 's1')).resume(before);
    expect(started.calls.map(([, , json]) => json)).toEqual([{ unlock: null }]);
  });

  it.each([
    ['pause', 'paused', 'unpause'],
    ['shelve', 'shelved_offloaded', 'unshelve'],
  ])('is locked, then suspended with option %s, and restored', async (how, state, undo) => {
    const active = compute(server('active'));
    const row = await rowOf(nova, active, 's1');
    expect(row.assess(how)).toEqual({ kind: 'suspend', recordedState: { ...before, how } });
    await row.suspend({ ...before, how });
    expect(active.calls.map(([, , json]) => json)).toEqual([
      { lock: { locked_reason: LOCK_REASON } },
      { [how]: null },
    ]);
    const suspended = compute(server(state, ours));
    const later = await rowOf(nova, suspended, 's1');
    expect(later.compare({ ...before, how })).toEqual({ kind: 'suspended' });
    // This option does not stop a server, so another actor has stopped it.
    expect(later.compare(before)).toMatchObject({ kind: 'changed' });
    await later.resume({ ...before, how });
    expect(suspended.calls.map(([, , json]) => json)).toEqual([{ [undo]: null }]);
  });

  it.each([
    ['an encrypted volume', { 'os-extended-volumes:volumes_attached': [{ id: 'v1' }] }],
    ['a vTPM', { flavor: { ephemeral: 0, extra_specs: { 'hw:tpm_model': 'tpm-crb' } } }],
  ])(
    'is started with a token on the project if it has %s, and unlocked without',
    async (_title, more) => {
      const stopped = compute(server('stopped', { ...ours, ...more }));
      const onProject = compute(server('stopped'));
      const volumes = fixture('cinder', {});
      const request = async () => ({
        status: 200,
        headers: new Headers(),
        json: { volume: { encrypted: true } },
        requestId: undefined,
      });
      Object.assign(stopped.context, {
        apiWithProjectToken: async () => onProject.context.api,
        apiOf: async () => ({ ...volumes.context.api, request }),
      });
      await (await rowOf(nova, stopped, 's1')).resume(before);
      expect(stopped.calls).toEqual([]);
      expect(onProject.calls.map(([, , json]) => json)).toEqual([{ 'os-start': null }]);
      const started = compute(server('active', { ...ours, ...more }));
      await (await rowOf(nova, started, 's1')).resume(before);
      expect(started.calls.map(([, , json]) => json)).toEqual([{ unlock: null }]);
    },
  );

  it.each([
    ['an ephemeral disk', { ephemeral: 10 }],
    ['a vTPM', { ephemeral: 0, extra_specs: { 'hw:tpm_version': '2.0' } }],
  ])('is stopped or paused, and never shelved, if it has %s', async (_title, flavor) => {
    const row = await rowOf(nova, compute(server('active', { flavor })), 's1');
    expect(row.assess('shelve')).toMatchObject({ kind: 'report-only' });
    expect(row.assess('pause')).toMatchObject({ kind: 'suspend' });
  });

  it('is stopped and keeps the lock if its owner locked it', async () => {
    const locked = compute(server('active', { locked: true, locked_reason: 'mine' }));
    await (await rowOf(nova, locked, 's1')).suspend({ ...before, lock: false });
    expect(locked.calls.map(([, , json]) => json)).toEqual([{ 'os-stop': null }]);
  });

  it.each([
    [server('stopped', ours), 'suspended'],
    [server('active', ours), 'partly'],
    [server('active'), 'as-recorded'],
    [server('stopped'), 'changed'],
    [server('stopped', { locked: true, locked_reason: 'other' }), 'changed'],
    [server('resized', ours), 'changed'],
    [server('stopped', { ...ours, 'OS-EXT-STS:task_state': 'powering-on' }), 'changing'],
  ])('is compared with its recorded state: %j', async (row, kind) => {
    expect((await rowOf(nova, compute(row), 's1')).compare(before)).toMatchObject({ kind });
  });
});

describe('Octavia: a load balancer', () => {
  const balancer = (more: object = {}) => ({
    id: 'b1',
    project_id: 'p1',
    admin_state_up: true,
    provisioning_status: 'ACTIVE',
    ...more,
  });
  const staged = (row: object, listeners: object[] = [], pools: object[] = []) =>
    fixture('octavia', {
      '/v2.0/lbaas/loadbalancers': [row],
      '/v2.0/lbaas/listeners': listeners,
      '/v2.0/lbaas/pools': pools,
    });
  const on = { loadbalancers: [{ id: 'b1' }] };

  it.each([
    ['that is enabled can be suspended', balancer(), [], 'suspend'],
    ['that is disabled is left disabled', balancer({ admin_state_up: false }), [], 'at-rest'],
    ['in PENDING_UPDATE', balancer({ provisioning_status: 'PENDING_UPDATE' }), [], 'wait'],
    ['in ERROR', balancer({ provisioning_status: 'ERROR' }), [], 'report-only'],
    ['with a certificate', balancer(), [{ ...on, default_tls_container_ref: 'x' }], 'report-only'],
    ['with an SNI certificate', balancer(), [{ ...on, sni_container_refs: ['x'] }], 'report-only'],
    ['without one', balancer(), [{ ...on, sni_container_refs: [] }], 'suspend'],
  ])('%s', async (_title, row, listeners, kind) => {
    const found = await rowOf(octavia, staged(row, listeners), 'b1');
    expect(found.assess()).toMatchObject({ kind });
  });

  it('is left enabled if its pool has a certificate', async () => {
    const row = await rowOf(
      octavia,
      staged(balancer(), [], [{ ...on, tls_container_ref: 'x' }]),
      'b1',
    );
    expect(row.assess()).toMatchObject({ kind: 'report-only' });
  });

  it('is disabled and enabled only by its own flag', async () => {
    const up = staged(balancer());
    await (await rowOf(octavia, up, 'b1')).suspend({});
    await (await rowOf(octavia, up, 'b1')).resume({});
    expect(up.calls).toEqual([
      ['PUT', '/v2.0/lbaas/loadbalancers/b1', { loadbalancer: { admin_state_up: false } }],
      ['PUT', '/v2.0/lbaas/loadbalancers/b1', { loadbalancer: { admin_state_up: true } }],
    ]);
  });
});

describe('Swift: the public access', () => {
  const staged = (headers: Record<string, string>, account: Record<string, string> = {}) =>
    fixture(
      'swift',
      { '': [{ name: 'open' }] },
      {
        '': { status: 204, headers: account },
        '/open': { status: 204, headers },
      },
    );
  const read = '.r:*,.rlistings,other:user';

  it('is removed from a container, and restored as it was', async () => {
    const open = staged({ 'x-container-read': read });
    const row = await rowOf(swift, open, 'container/open');
    expect(row.assess()).toEqual({ kind: 'suspend', recordedState: { read, keys: [] } });
    await row.suspend({ read, keys: [] });
    await row.resume({ read, keys: [] });
    expect(open.calls).toEqual([
      ['POST', '/open', { 'X-Container-Read': 'other:user' }],
      ['POST', '/open', { 'X-Container-Read': read }],
    ]);
    const closed = await rowOf(
      swift,
      staged({ 'x-container-read': 'other:user' }),
      'container/open',
    );
    expect(closed.compare({ read, keys: [] })).toEqual({ kind: 'suspended' });
    const other = await rowOf(swift, staged({ 'x-container-read': '.r:b' }), 'container/open');
    expect(other.compare({ read, keys: [] })).toMatchObject({ kind: 'changed' });
  });

  it('ends for signed URLs, because suspend masks the key in Swift; the record does not contain the key', async () => {
    const keyed = staged({}, { 'x-account-meta-temp-url-key': 'secret' });
    const row = await rowOf(swift, keyed, 'account');
    const assessment = row.assess();
    expect(assessment).toEqual({ kind: 'suspend', recordedState: { keys: ['Temp-URL-Key'] } });
    expect(JSON.stringify(assessment)).not.toContain('secret');
    await row.suspend({ keys: ['Temp-URL-Key'] });
    const [[, , headers] = ['', '', {}]] = keyed.calls;
    const masked = Object.values(headers as Record<string, string>)[0] ?? '';
    expect(masked).toMatch(/^kp1:[0-9a-f]{32}:secret$/);
    const after = staged({}, { 'x-account-meta-temp-url-key': masked });
    const suspended = await rowOf(swift, after, 'account');
    expect(suspended.compare({ keys: ['Temp-URL-Key'] })).toEqual({ kind: 'suspended' });
    expect(suspended.assess()).toEqual({ kind: 'at-rest' });
    await suspended.suspend({ keys: ['Temp-URL-Key'] });
    await suspended.resume({ keys: ['Temp-URL-Key'] });
    expect(after.calls).toEqual([
      ['POST', '', { 'X-Account-Meta-Temp-URL-Key': masked }],
      ['POST', '', { 'X-Account-Meta-Temp-URL-Key': 'secret' }],
    ]);
  });

  it('is not changed, and is reported, if a key is too long to be masked', async () => {
    const keyed = staged({}, { 'x-account-meta-temp-url-key': 'k'.repeat(250) });
    expect((await rowOf(swift, keyed, 'account')).assess()).toMatchObject({ kind: 'report-only' });
  });

  it.each([
    ['container/open', staged({ 'x-container-read': '.r:*,p:m\u00c3\u00bcller' })],
    ['account', staged({}, { 'x-account-meta-temp-url-key': 'schl\u00c3\u00bcssel' })],
  ])('is left and reported in %s if a header cannot hold its characters', async (id, from) => {
    expect((await rowOf(swift, from, id)).assess()).toMatchObject({ kind: 'report-only' });
  });

  it('is at rest without public entries and keys', async () => {
    const row = await rowOf(swift, staged({ 'x-container-read': 'p:u' }), 'container/open');
    expect(row.assess()).toEqual({ kind: 'at-rest' });
  });
});

describe('Aodh: an alarm', () => {
  it('is written as it was read, with only its flag changed', async () => {
    const alarm = {
      alarm_id: 'a1',
      project_id: 'p1',
      enabled: true,
      alarm_actions: ['trust+http://x'],
    };
    const staged = fixture('aodh', { '/v2/alarms': [alarm] });
    const row = await rowOf(aodh, staged, 'a1');
    await row.suspend({});
    await row.resume({});
    expect(staged.calls).toEqual([['PUT', '/v2/alarms/a1', { ...alarm, enabled: false }]]);
  });

  const RULE = 'gnocchi_aggregation_by_resources_threshold_rule';
  const own = { '=': { created_by_project_id: 'p1' } };
  const external = {
    or: [own, { and: [{ '=': { created_by_project_id: 'x' } }, { '=': { project_id: 'p1' } }] }],
  };
  type StoredAlarm = Record<string, { readonly query: string }>;

  /** An Aodh that adds `filter` to the query of each alarm that another project writes. */
  async function afterSuspendAndResume(filter: object | undefined, query: object) {
    const alarms: object[] = [
      {
        alarm_id: 'a1',
        project_id: 'p1',
        enabled: true,
        [RULE]: { metric: 'cpu', query: JSON.stringify(query) },
      },
    ];
    const staged = fixture('aodh', { '/v2/alarms': alarms }, {}, (body) => {
      const sent = body as StoredAlarm;
      const inner: unknown = JSON.parse(sent[RULE]?.query ?? '');
      const stored = JSON.stringify(filter ? { and: [filter, inner] } : inner);
      alarms[0] = { ...sent, [RULE]: { ...sent[RULE], query: stored } };
      return alarms[0];
    });
    await (await rowOf(aodh, staged, 'a1')).suspend({});
    expect(alarms[0]).toMatchObject({ enabled: false });
    await (await rowOf(aodh, staged, 'a1')).resume({});
    expect(alarms[0]).toMatchObject({ enabled: true });
    return JSON.parse((alarms[0] as StoredAlarm)[RULE]?.query ?? '') as unknown;
  }

  const inner = { '=': { ended_at: null } };
  it.each([
    ['the project', own, { and: [own, inner] }],
    ['the project or an external owner', external, { and: [external, inner] }],
    ['nothing, in an Aodh that adds no filter', undefined, { and: [own, inner] }],
  ])('keeps its query with one filter by %s', async (_name, filter, query) => {
    expect(await afterSuspendAndResume(filter, query)).toEqual(query);
  });

  it('keeps the filter of another project, and all other parts of its query', async () => {
    const foreign = { and: [{ '=': { created_by_project_id: 'p2' } }, inner] };
    const query = await afterSuspendAndResume(own, foreign);
    expect(JSON.stringify(query)).toContain(JSON.stringify(foreign));
  });
});
