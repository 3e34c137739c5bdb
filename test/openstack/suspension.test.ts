import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { CLOUD_SECONDS, type Row, rowsOf, text, until } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isOver, isState, OPERATION_SECONDS, type View } from './driver.ts';
import { linesOf, type Snapshot } from './snapshot.ts';

/** The fields that a suspension may change. Every other line of a listing stays the same. */
const SWITCHED = ['nova.server ', 'octavia.load-balancer ', 'swift.account ', 'swift.container '];
const KEY = 'key';

/**
 * A project that is disabled and enabled in Keystone. The propagator is killed while it suspends
 * and while it resumes. The tests run one after the other.
 */
describe('a project that a policy suspends while it is disabled', () => {
  const folder = mkdtempSync(`${tmpdir()}/propagator-policy-`);
  const policy = `${folder}/policy.yaml`;
  let fixture: CloudFixture;
  let id: string;
  /** Listings of the project and of the control project before the first disable. */
  let before: Snapshot;
  beforeAll(async () => {
    fixture = await openCloudFixture({ asleep: 'full', dozing: 'simple' }, 'simple');
    id = fixture.idOf('asleep');
    writeFileSync(
      policy,
      `version: 1
rules:
  - match: { domain: ${fixture.customer.domainId} }
    on:
      project.disabled: { action: suspend, mode: enforce }
      project.enabled: { action: resume, mode: enforce }
`,
    );
    await Promise.all([pauseServer('rooted'), stopNewServer('resting')]);
    before = await fixture.snapshot(true);
    await start();
  });
  afterAll(async () => {
    await fixture.tearDown();
    rmSync(folder, { recursive: true, force: true });
  });

  const start = () =>
    fixture.start({
      mode: 'enforce',
      environment: { PROPAGATOR_POLICY: policy, PROPAGATOR_TOKEN_CACHE_TIME: '2s' },
    });
  const setEnabled = (enabled: boolean, project = id) =>
    fixture.cloud.admin.call('identity', 'PATCH', `/projects/${project}`, {
      json: { project: { enabled } },
    });
  const operations = async (): Promise<View[]> => fixture.propagator.operations({ project: id });
  const ended = (action: string, project = id): Promise<View> =>
    fixture.propagator.operation(
      { project },
      (view) =>
        view.operation.action === action &&
        isState('finished', 'unverified', 'observed', 'superseded', 'held')(view),
      OPERATION_SECONDS,
    );

  const nameOf = (name: string): string => `${fixture.customer.prefix}-${name}`;
  const servers = async (): Promise<Map<string, Row>> => {
    const path = '/servers/detail?all_tenants=1';
    const rows = await fixture.cloud.admin.rows('compute', path, 'servers');
    const own = rows.filter((row) => row.tenant_id === id);
    return new Map(own.map((row) => [text(row, 'name').replace(nameOf(''), ''), row]));
  };
  const serverStates = async () =>
    Object.fromEntries(
      [...(await servers())].map(([name, row]) => [
        name,
        `${text(row, 'status')}${row.locked ? `, locked: ${row.locked_reason ?? 'no reason'}` : ''}`,
      ]),
    );
  const callServer = async (name: string, body: object, status: string): Promise<void> => {
    const server = text((await servers()).get(name) ?? {}, 'id');
    await fixture.cloud.admin.call('compute', 'POST', `/servers/${server}/action`, { json: body });
    await until(`server ${name} is ${status}`, CLOUD_SECONDS, async () =>
      (await servers()).get(name)?.status === status ? true : undefined,
    );
  };
  const pauseServer = (name: string) => callServer(name, { pause: null }, 'PAUSED');
  const stopNewServer = async (name: string): Promise<void> => {
    const [{ session }] = fixture.customer.projects as readonly [
      CloudFixture['customer']['projects'][number],
    ];
    const imageRef = text((await servers()).get('trunked') ?? {}, 'image', 'id');
    const { flavorId: flavorRef } = fixture.customer.operatorResources;
    const server = { name: nameOf(name), flavorRef, imageRef, networks: 'none' };
    await session.call('compute', 'POST', '/servers', { json: { server } });
    await until(`server ${name} runs`, CLOUD_SECONDS, async () =>
      (await servers()).get(name)?.status === 'ACTIVE' ? true : undefined,
    );
    await callServer(name, { 'os-stop': null }, 'SHUTOFF');
  };
  const balancers = async (): Promise<Row[]> => {
    const { json } = await fixture.cloud.admin.call('load-balancer', 'GET', '/lbaas/loadbalancers');
    return rowsOf(json, 'loadbalancers').filter((row) => row.project_id === id);
  };
  /** The statuses of a public object and of a signed URL, for a client without a token. */
  const anonymously = async (): Promise<Record<string, number>> => {
    const account = fixture.cloud.admin.endpoint('object', id);
    const page = `${account}/${nameOf('public')}/page.html`;
    const plain = new URL(`${account}/${nameOf('plain')}/plain`);
    const expires = Math.floor(Date.now() / 1000) + 3600;
    const signature = createHmac('sha256', KEY)
      .update(`GET\n${expires}\n${plain.pathname}`)
      .digest('hex');
    const signed = `${plain}?temp_url_sig=${signature}&temp_url_expires=${expires}`;
    const [open, link] = await Promise.all(
      [page, signed].map(async (url) => (await fetch(url)).status),
    );
    return { open: open ?? 0, link: link ?? 0 };
  };
  /** The proxies of Swift cache an account for about a minute. */
  const untilAnonymously = (status: number) =>
    until(`Swift answers ${status} without a token`, CLOUD_SECONDS, async () => {
      const answers = Object.values(await anonymously());
      return answers.every((one) => one === status) ? true : undefined;
    });
  const untouched = (all: Snapshot): string[] =>
    linesOf(all, id).filter(
      (line) => ![`keystone.project ${id} `, ...SWITCHED].some((type) => line.startsWith(type)),
    );
  const control = (all: Snapshot): string[] => linesOf(all, fixture.idOf('still'));

  it('has running resources before it is disabled for the first time', async () => {
    expect(await serverStates()).toEqual({
      web: 'ACTIVE, locked: no reason',
      trunked: 'ACTIVE',
      rooted: 'PAUSED',
      resting: 'SHUTOFF',
      broken: 'ERROR',
    });
    expect((await balancers()).map((row) => row.admin_state_up)).toEqual([true, true]);
    await untilAnonymously(200);
    expect(await operations()).toEqual([]);
  });

  it('is suspended by the policy, although the propagator is killed during the suspension', async () => {
    await setEnabled(false);
    await until('the first load balancer is down', OPERATION_SECONDS, async () =>
      (await balancers()).some((row) => row.admin_state_up === false) ? true : undefined,
    );
    await fixture.propagator.kill();
    await start();
    const view = await ended('suspend');
    console.log(describeView(view));
    expect(view.operation.state).toBe('finished');
    const lock = 'locked: The project is suspended (keystone-propagator).';
    expect(await serverStates()).toEqual({
      web: 'SHUTOFF, locked: no reason',
      trunked: `SHUTOFF, ${lock}`,
      rooted: `PAUSED, ${lock}`,
      resting: 'SHUTOFF',
      broken: 'ERROR',
    });
    expect((await balancers()).map((row) => row.admin_state_up)).toEqual([false, false]);
    await untilAnonymously(401);
    const now = await fixture.snapshot(true);
    expect(untouched(now)).toEqual(untouched(before));
    expect(control(now)).toEqual(control(before));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('is exactly as before when it is enabled, though the propagator is killed while it resumes', async () => {
    await setEnabled(true);
    await until('the first server runs again', OPERATION_SECONDS, async () =>
      (await servers()).get('web')?.status === 'ACTIVE' ||
      (await servers()).get('trunked')?.status === 'ACTIVE'
        ? true
        : undefined,
    );
    await fixture.propagator.kill();
    await start();
    const view = await ended('resume');
    console.log(describeView(view));
    expect(view.operation.state).toBe('finished');
    await untilAnonymously(200);
    const now = await fixture.snapshot(true);
    expect(linesOf(now, id)).toEqual(linesOf(before, id));
    expect(control(now)).toEqual(control(before));
    expect(await fixture.propagator.deadLetters()).toEqual([]);
    const opened = (await operations()).map(({ operation: { action, state } }) => [action, state]);
    expect(opened.toSorted()).toEqual([
      ['resume', 'finished'],
      ['suspend', 'finished'],
    ]);
  });

  it('leaves no resource when it is deleted while it is suspended', async () => {
    const dozing = fixture.idOf('dozing');
    await setEnabled(false, dozing);
    expect((await ended('suspend', dozing)).operation.state).toBe('finished');
    await fixture.deleteProject('dozing');
    const view = await fixture.propagator.operation(
      { project: dozing },
      (one) => one.operation.action === 'cleanup' && isOver(one),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'dozing')).toEqual([]);
    expect(linesOf(now, id, [dozing])).toEqual(linesOf(before, id, [dozing]));
    expect(control(now)).toEqual(control(before));
  });
});
