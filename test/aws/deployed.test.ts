import { randomUUID } from 'node:crypto';
import type { Message } from '../../events/index.ts';
import type { Task } from '../../lib/operation/model.ts';
import { until } from '../engine/engine-store.ts';
import { allResourceStatesOf, PROVISIONED, provisionedIn } from './cloud.ts';
import { type DeployedFixture, deployFixture } from './stage.ts';

let stage: DeployedFixture;
beforeAll(async () => {
  stage = await deployFixture();
}, 400_000);
afterAll(() => stage?.stop(), 60_000);
afterEach(() => stage?.cloud.faults.clear());

const resources = (project: string) =>
  stage.cloud.store.resources(project).map(({ resourceType, id }) => `${resourceType} ${id}`);
const removals = () => stage.cloud.calls.filter(({ method }) => method === 'DELETE').length;
/** No message is waiting or in progress. */
const quiet = () =>
  until(
    'quiet queues',
    async () => {
      const depths = Object.values(await stage.engine.reads.depths());
      return depths.every(({ ready, delayed, active }) => ready + delayed + active === 0);
    },
    60,
  );

describe('the deployed stack', () => {
  it('has a function for every queue; each one starts, reads its secret, and skips finished work', async () => {
    const over = (queue: string): Message => {
      const taskId = `op-000000000000/${queue.replace(/^service-/, '')}/RegionOne`;
      const data = {
        operationId: 'op-000000000000',
        taskId,
        service: 'nova',
        region: 'RegionOne',
        phase: 'apply',
        run: 1,
      };
      return {
        type: 'service.requested',
        data: { ...data, confirmedAt: [], skipTypes: [], verifiedBeforeDeletion: [] },
      } as unknown as Message;
    };
    for (const queue of stage.queues) {
      const record = {
        messageId: 'one',
        receiptHandle: 'none',
        body: stage.body(over(queue)),
        attributes: { ApproximateReceiveCount: '1' },
      };
      expect([queue, await stage.invoke(queue, { Records: [record] })]).toEqual([
        queue,
        { batchItemFailures: [] },
      ]);
    }
  });

  it('records accounts at its first sweep, and finds accounts that were deleted without a notification at the next one', async () => {
    expect(await stage.engine.reads.accountCount()).toBe(0);
    const customer = stage.project();
    expect(await stage.invoke('sweep', { compare: false })).toBeNull();
    expect(await stage.engine.reads.accountCount()).toBeGreaterThan(0);
    await stage.deleted(customer);
    expect(await stage.invoke('sweep', { compare: false })).toBeNull();
    expect(await stage.engine.reads.operationsAbout('project', customer)).toEqual([]);
    expect(await stage.invoke('sweep', { compare: true })).toBeNull();
    expect((await stage.ended(customer, 150)).state).toBe('finished');
    expect(resources(customer)).toEqual([]);
  });

  it('carries out a recorded notification in every service, and removes no resource of other projects', async () => {
    const [customer, control] = [stage.project(), stage.project()];
    const before = resources(control);
    expect(resources(customer).length).toBeGreaterThan(100);
    const notification = await stage.deleted(customer);
    await stage.send('ingest', stage.notification(notification));
    const operation = await stage.ended(customer, 150);
    expect(operation).toMatchObject({ state: 'finished', mode: 'enforce' });
    expect(resources(customer)).toEqual([]);
    expect(resources(control)).toEqual(before);
    const tasks = await stage.engine.reads.tasks(operation.id);
    const inTheCatalog = tasks
      .filter(({ state }) => state === 'finished')
      .map(({ service }) => service);
    expect(inTheCatalog).toEqual(
      expect.arrayContaining([
        'nova',
        'cinder',
        'neutron',
        'glance',
        'swift',
        'keystone',
        'heat',
        'octavia',
        'designate',
      ]),
    );
    expect(tasks.filter(({ state }) => state !== 'finished' && state !== 'skipped')).toEqual([]);
    await quiet();
  });

  it('suspends a disabled project by the deployed policy file, and restores it when it is enabled', async () => {
    const [customer, control] = [stage.project('trial-one'), stage.project('trial-two')];
    const [before, untouched] = [customer, control].map((id) =>
      allResourceStatesOf(stage.cloud, id),
    );
    const lastOperation = async (action: string) => {
      await until(
        `the operation ${action} exists`,
        async () => {
          const [newest] = await stage.engine.reads.operationsAbout('project', customer);
          return newest?.action === action;
        },
        60,
      );
      return stage.ended(customer, 150);
    };
    expect(JSON.stringify(before)).toContain('.r:*');
    const shown = await stage.type('policy', 'show', customer);
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toMatch(/suspend/);
    await stage.send('ingest', stage.notification(await stage.setEnabled(customer, false)));
    expect(await lastOperation('suspend')).toMatchObject({ state: 'finished', mode: 'enforce' });
    const suspended = allResourceStatesOf(stage.cloud, customer);
    expect(suspended.servers.filter((row) => row.vm_state === 'active')).toEqual([]);
    expect(suspended.servers.filter((row) => row.locked).length).toBeGreaterThan(0);
    const active = suspended.loadBalancers.filter((row) => row.provisioning_status === 'ACTIVE');
    expect(active.map((row) => row.admin_state_up)).toEqual(active.map(() => false));
    expect(JSON.stringify(suspended.swift)).not.toContain('.r:');
    await stage.send('ingest', stage.notification(await stage.setEnabled(customer, true)));
    expect(await lastOperation('resume')).toMatchObject({ state: 'finished', mode: 'enforce' });
    expect(allResourceStatesOf(stage.cloud, customer)).toEqual(before);
    expect(allResourceStatesOf(stage.cloud, control)).toEqual(untouched);
  });

  it('provisions a new project once by the deployed policy file, and no other project', async () => {
    const [created, control] = [stage.newProject('new-one'), stage.newProject('other')];
    const untouched = provisionedIn(stage.cloud, control.id);
    for (const project of [created, control, created])
      await stage.send('ingest', stage.notification(project.created));
    await until(
      'the provision',
      async () => (await stage.engine.reads.operationsAbout('project', created.id)).length > 0,
      60,
    );
    expect(await stage.ended(created.id, 150)).toMatchObject({
      action: 'provision',
      state: 'finished',
      mode: 'enforce',
    });
    expect(provisionedIn(stage.cloud, created.id)).toEqual(PROVISIONED);
    expect(provisionedIn(stage.cloud, control.id)).toEqual(untouched);
    expect(await stage.engine.reads.operationsAbout('project', control.id)).toEqual([]);
    const { code, out } = await stage.type('project', 'drift', created.id);
    expect([code, out]).toEqual([0, expect.not.stringMatching(/^ +[+~!]/m)]);
  });

  it('only counts a disabled project that no rule of the policy file matches', async () => {
    const customer = stage.project();
    const before = allResourceStatesOf(stage.cloud, customer);
    await stage.send('ingest', stage.notification(await stage.setEnabled(customer, false)));
    expect(await stage.ended(customer, 150)).toMatchObject({
      state: 'observed',
      action: 'suspend',
    });
    expect(allResourceStatesOf(stage.cloud, customer)).toEqual(before);
  });

  it('deletes a domain with nested projects after the approval of its plan, and no other domain', async () => {
    const { seed, state } = stage.cloud;
    const domain = seed.makeDomain(`customer-${randomUUID()}`);
    const top = seed.makeProject(domain, 'top');
    const projects = [top, seed.makeProject(domain, 'leaf', top)];
    for (const id of projects) seed.fill(id, 'tiny');
    const user = seed.makeUser(domain, 'ann');
    const control = stage.project();
    const before = resources(control);
    const planned = await stage.type('domain', 'plan', domain, '-f', 'value', '-c', 'Digest');
    expect(planned).toMatchObject({ code: 0, err: '' });
    expect(projects.map((id) => resources(id).length)).not.toContain(0);
    const digest = planned.out.trim();
    const words = ['--yes', '--digest', digest, '--reason', 'contract ended'];
    expect(await stage.type('domain', 'delete', domain, ...words)).toMatchObject({ code: 0 });
    const cleanup = async () =>
      (await stage.engine.reads.operationsAbout('domain', domain)).find(
        ({ action }) => action === 'cleanup',
      );
    await until('the end of the domain', async () => (await cleanup())?.endedAt !== undefined, 420);
    const operation = await cleanup();
    expect(operation).toMatchObject({ state: 'finished', mode: 'enforce' });
    const deleted = [domain, ...projects].map((id) => state.identity.projects.get(id));
    expect(deleted).toEqual([undefined, undefined, undefined]);
    expect(projects.flatMap(resources)).toEqual([]);
    expect(state.identity.users.get(user)).toBeUndefined();
    expect(resources(control)).toEqual(before);
    const shown = await stage.type('operation', 'show', operation?.id ?? '');
    expect(shown.out).toMatch(/^leaf +op-\w+ +finished/m);
  }, 480_000);

  it('accepts a notification over HTTP only with a signature', async () => {
    const customer = stage.project();
    const notification = await stage.deleted(customer);
    expect((await stage.callApi('/v1/notifications', notification, 'none')).status).toBe(403);
    const accepted = await stage.callApi('/v1/notifications', notification, 'administrator');
    expect(accepted).toMatchObject({
      status: 202,
      body: '{"stored":1}',
    });
    expect((await stage.ended(customer, 150)).state).toBe('finished');
    expect(resources(customer)).toEqual([]);
  });

  it('changes nothing when every message arrives a second time', async () => {
    const customer = stage.project();
    const notification = await stage.deleted(customer);
    const record = stage.notification(notification);
    await stage.send('ingest', record, record, stage.notification(notification));
    const operation = await stage.ended(customer, 150);
    await quiet();
    const generations = await stage.engine.reads.operationsAbout('project', customer);
    const [tasks, removed] = [await stage.engine.reads.tasks(operation.id), removals()];
    expect(generations).toHaveLength(1);
    await stage.send('ingest', record, stage.notification(notification));
    for (const task of tasks) {
      await stage.send(`service-${task.service}`, stage.body(requestOf(task, customer)));
      await stage.send('coordinate', stage.body(finishedOf(task)), stage.body(finishedOf(task)));
    }
    await stage.send(
      'coordinate',
      stage.body({
        type: 'operation.confirm',
        data: { operationId: operation.id, confirmation: 1 },
      }),
    );
    await quiet();
    expect(await stage.engine.reads.operationsAbout('project', customer)).toEqual(generations);
    expect(await stage.engine.reads.tasks(operation.id)).toEqual(tasks);
    expect(removals()).toBe(removed);
  });

  it('dead-letters a message that it cannot read, and handles the other messages of the batch', async () => {
    await stage.attributes('ingest', stage.redrivePolicy('ingest', 2));
    const customer = stage.project();
    const notification = await stage.deleted(customer);
    const dead = async () => (await stage.engine.reads.depths()).ingest?.dead;
    const before = (await dead()) ?? 0;
    await stage.send(
      'ingest',
      'no JSON at all',
      stage.notification(notification),
      '{"detail-type":"of.another.release","detail":{}}',
    );
    expect((await stage.ended(customer, 150)).state).toBe('finished');
    await until('two dead-letter messages', async () => (await dead()) === before + 2, 60);
    const found = await stage.engine.deadLetters({ queue: 'ingest' });
    expect(found.map(({ unreadable }) => unreadable)).toEqual(
      expect.arrayContaining(['no JSON at all']),
    );
    // A message that is no notification but was sent as one is quarantined.
    await stage.send('ingest', stage.notification('{"half": '));
    await until('quarantine', async () => (await stage.engine.reads.quarantine(1)).total === 1);
    expect(await dead()).toBe(before + 2);
  });

  it('removes nothing more after stop-all, and continues after resume-all', async () => {
    const [customer, control] = [stage.project(), stage.project()];
    const before = resources(control);
    stage.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      effect: { does: 'slow', milliseconds: 1_000 },
    });
    const notification = await stage.deleted(customer);
    const first = removals();
    await stage.send('ingest', stage.notification(notification));
    await until('the first removals', async () => removals() > first, 150);
    expect(await stage.type('stop-all', '--reason', 'the wrong customer')).toMatchObject({
      code: 0,
      err: '',
    });
    // A running function reads the switch within two seconds. Its calls under way still end.
    let seen = { count: -1, since: 0 };
    await until(
      'five seconds without a removal',
      async () => {
        const count = removals();
        if (count !== seen.count) seen = { count, since: Date.now() };
        return Date.now() - seen.since > 5_000;
      },
      60,
    );
    expect(resources(customer)).not.toEqual([]);
    expect((await stage.type('status')).out).toMatch(/the wrong customer/);
    stage.cloud.faults.clear();
    expect(await stage.type('resume-all', '--reason', 'it was the right one')).toMatchObject({
      code: 0,
      err: '',
    });
    expect((await stage.ended(customer, 170)).state).toBe('finished');
    expect(resources(customer)).toEqual([]);
    expect(resources(control)).toEqual(before);
  }, 600_000);

  it('dead-letters the task of a service that always answers 500, and continues after the correction and a redrive', async () => {
    const customer = stage.project();
    const broken = stage.cloud.faults.inject({
      service: 'glance',
      method: 'DELETE',
      effect: { does: 'answer', status: 500 },
    });
    await stage.send('ingest', stage.notification(await stage.deleted(customer)));
    const found = async () => (await stage.engine.deadLetters({ service: 'glance' })).length;
    await until('a dead letter of glance', async () => (await found()) === 1, 170);
    expect(resources(customer).every((resource) => /^(glance|keystone)\./.test(resource))).toBe(
      true,
    );
    expect(await stage.isInAlarm('service-glance-dead-letters')).toBe(true);
    expect(await stage.isInAlarm('service-nova-dead-letters')).toBe(false);
    // The steps of an operator: list, show one, redrive with --dry-run, redrive.
    const shown = await stage.type('dead-letter', 'list');
    expect(shown).toMatchObject({
      code: 0,
      err: '',
      out: expect.stringMatching(/^glance +1 .*in 13d 23h +glance\.http\.500$/m),
    });
    const [, id = 'none'] = /^glance, [\s\S]*?dead-letter show (\S+)/m.exec(shown.out) ?? [];
    const whole = await stage.type('dead-letter', 'show', id);
    expect(whole).toMatchObject({
      code: 0,
      out: expect.stringMatching(
        /^status +500$[\s\S]*^Then: propagator dead-letter redrive --id /m,
      ),
    });
    const selection = ['--service', 'glance', '--cause', 'glance.http.500'];
    expect((await stage.type('dead-letter', 'redrive', ...selection, '--dry-run')).out).toMatch(
      /\n1 selected; none was sent back \(--dry-run\)\.\n$/,
    );
    expect(await found()).toBe(1);
    expect(await stage.type('dead-letter', 'discard', '--service', 'glance')).toMatchObject({
      code: 64,
      out: '',
    });
    expect(await stage.type('dead-letter', 'show', 'no-such-id')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no dead letter'),
    });
    broken.clear();
    expect(
      await stage.type('dead-letter', 'redrive', ...selection, '--reason', 'Glance is well'),
    ).toEqual({
      code: 0,
      out: '1 sent back. Follow the operations: propagator operation list\n',
      err: '',
    });
    expect((await stage.type('audit', 'list')).out).toMatch(
      /dead-letters\.redriven +dead-letters service-glance \(1 with cause glance\.http\.500\) +Glance is well/,
    );
    expect(await stage.type('audit', 'verify')).toMatchObject({ code: 0 });
    expect(await stage.type('dead-letter', 'list', '--service', 'glance')).toMatchObject({
      code: 0,
      out: 'No dead letters.\n',
    });
    expect((await stage.ended(customer, 150)).state).toBe('finished');
    expect(resources(customer)).toEqual([]);
    expect(await found()).toBe(0);
    expect(await stage.isInAlarm('service-glance-dead-letters')).toBe(false);
  }, 400_000);

  it('a message with a delay beyond the limit of SQS waits in a schedule, which the role may create', async () => {
    await stage.configure('coordinate', { PROPAGATOR_GRACE_PERIOD: '1h' });
    const customer = stage.project();
    await stage.send('ingest', stage.notification(await stage.deleted(customer)));
    await until('a schedule', async () => (await stage.schedules()).length > 0, 60);
    const [{ target, at } = { target: '', at: '' }] = await stage.schedules();
    expect(target.split(':').at(-1)).toBe(`${stage.prefix}-coordinate`);
    const minutes = (Date.parse(`${at.slice('at('.length, -1)}Z`) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(58);
    expect(minutes).toBeLessThan(62);
    expect(resources(customer).length).toBeGreaterThan(100);
    await stage.configure('coordinate', { PROPAGATOR_GRACE_PERIOD: '0s' });
  });

  it('keeps a notification in a schedule when Keystone requests a wait that no queue allows', async () => {
    const customer = stage.project();
    const notification = await stage.setEnabled(customer, false);
    const dead = async () => (await stage.engine.reads.depths()).ingest?.dead;
    const before = await dead();
    const busy = stage.cloud.faults.inject({
      service: 'keystone',
      method: 'GET',
      effect: { does: 'answer', status: 503, retryAfter: 1800 },
    });
    await stage.send('ingest', stage.notification(notification));
    const ofIngest = async () =>
      (await stage.schedules()).filter(({ target }) => target.endsWith(`${stage.prefix}-ingest`));
    await until('a schedule of ingest', async () => (await ofIngest()).length > 0, 60);
    busy.clear();
    const [{ at } = { at: '' }] = await ofIngest();
    const minutes = (Date.parse(`${at.slice('at('.length, -1)}Z`) - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(28);
    expect(minutes).toBeLessThan(32);
    expect(await dead()).toBe(before);
    expect(resources(customer).length).toBeGreaterThan(100);
  });

  it('finishes the work of a killed function when the message is visible again', async () => {
    await stage.attributes('service-cinder', { VisibilityTimeout: '5' });
    const customer = stage.project();
    const slow = stage.cloud.faults.inject({
      service: 'cinder',
      method: 'DELETE',
      effect: { does: 'slow', milliseconds: 3000 },
    });
    await stage.send('ingest', stage.notification(await stage.deleted(customer)));
    await until('a removal in Cinder', () => slow.hits > 0, 100);
    expect(stage.kill('service-cinder')).toBe(true);
    slow.clear();
    expect((await stage.ended(customer, 150)).state).toBe('finished');
    expect(resources(customer)).toEqual([]);
  });
});

const address = ({ operationId, id: taskId, service, region, phase, run }: Task) => ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run,
});
const requestOf = (task: Task, project: string) =>
  ({
    type: 'service.requested',
    data: {
      ...address(task),
      project,
      confirmedAt: [1, 10_000],
      skipTypes: [],
      verifiedBeforeDeletion: [],
    },
  }) as unknown as Message;
const finishedOf = (task: Task): Message => ({
  type: 'service.finished',
  data: { ...address(task), result: 'finished', counts: {}, conditions: [] },
});
