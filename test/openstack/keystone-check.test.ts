import { deleteQueue } from './broker.ts';
import { Cloud, Row, rowsOf, text, until } from './cloud.ts';
import { isState, OPERATION_SECONDS, Propagator } from './driver.ts';
import { newPrefix } from './populate.ts';

/**
 * The safety rule "Know the end before the beginning" on a real Keystone. Before the first removal
 * the propagator names each cause for which Keystone would refuse the deletion of a project, and
 * the command that clears it.
 */
describe('a project whose deletion Keystone would refuse', () => {
  const prefix = newPrefix();
  const propagator = new Propagator(`${prefix}-propagator`);
  const projects: string[] = [];
  let cloud: Cloud;
  let domain: string;
  let control: { project: string; network: string };

  const identity = (
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    json?: unknown,
  ) =>
    cloud.admin.call('identity', method, path, {
      accept: [403, 404],
      ...(json === undefined ? {} : { json }),
    });
  const setProject = (id: string, project: object) =>
    identity('PATCH', `/projects/${id}`, { project });
  const setDomain = (value: object) => identity('PATCH', `/domains/${domain}`, { domain: value });
  const makeProject = async (name: string, parent = domain) => {
    const project = { name: `${prefix}-${name}`, domain_id: domain, parent_id: parent };
    const { json } = await identity('POST', '/projects', { project });
    const id = text(json, 'project', 'id');
    projects.unshift(id);
    return id;
  };
  /** Creates a project with a network, which the first removal would delete. */
  const make = async (name: string) => {
    const project = await makeProject(name);
    const network = { name: `${prefix}-${name}`, project_id: project };
    const { json } = await cloud.admin.call('network', 'POST', '/networks', { json: { network } });
    return { project, network: text(json, 'network', 'id') };
  };
  const hasNetwork = async (id: string) => {
    const path = `/networks/${id}`;
    return (await cloud.admin.call('network', 'GET', path, { accept: [404] })).status === 200;
  };
  const isEnabled = async (id: string) => {
    const { status, json } = await identity('GET', `/projects/${id}`);
    return status === 200 && Row.parse(Row.parse(json).project).enabled === true;
  };
  const rolesOn = async (project: string) => {
    const query = `user.id=${cloud.admin.userId}&scope.project.id=${project}`;
    return rowsOf((await identity('GET', `/role_assignments?${query}`)).json, 'role_assignments');
  };
  const ask = async (project: string, name: string) => {
    const wish = { action: 'cleanup', project, name: `${prefix}-${name}`, reason: 'rule 13' };
    const { status, json } = await propagator.api('POST', '/v1/operations', JSON.stringify(wish));
    return { status, error: Row.parse(Row.parse(json).error ?? {}) };
  };

  beforeAll(async () => {
    cloud = await Cloud.connect();
    const others = await cloud.admin.rows('identity', '/domains', 'domains');
    const made = await identity('POST', '/domains', { domain: { name: prefix } });
    domain = text(made.json, 'domain', 'id');
    control = await make('control');
    const protectedDomains = others.map((row) => text(row, 'id'));
    await propagator.start({ mode: 'enforce', protectedDomains });
  });
  afterAll(async () => {
    await propagator.dispose();
    await deleteQueue(`${prefix}-propagator`);
    const networks = await cloud.admin.rows('network', '/networks', 'networks');
    for (const row of networks.filter((one) => projects.includes(text(one, 'project_id'))))
      await cloud.admin.call('network', 'DELETE', `/networks/${text(row, 'id')}`);
    // Uses /projects: Keystone 22 does not accept this option for a domain through /domains.
    for (const id of [...projects, domain]) await setProject(id, { options: { immutable: null } });
    for (const id of projects) await identity('DELETE', `/projects/${id}`);
    await setDomain({ enabled: false });
    await identity('DELETE', `/domains/${domain}`);
  });

  /**
   * Expects a refusal with the command and no change. Then the command's change is made, and the
   * operation succeeds.
   */
  const expectRefusedThenDone = async (
    name: string,
    made: { project: string; network: string },
    command: string,
    clear: () => Promise<unknown>,
  ) => {
    const refused = await ask(made.project, name);
    expect(refused).toMatchObject({
      status: 409,
      error: { code: 'api.refused', advice: expect.stringContaining(command) },
    });
    expect(await propagator.operations({ project: made.project })).toEqual([]);
    expect(await hasNetwork(made.network)).toBe(true);
    expect(await isEnabled(made.project)).toBe(true);
    expect(await rolesOn(made.project)).toEqual([]);
    await clear();
    await expectDone(name, made);
  };
  const expectDone = async (name: string, { project, network }: typeof control) => {
    expect(await ask(project, name)).toMatchObject({ status: 202 });
    const over = isState('finished', 'unverified', 'held');
    const view = await propagator.operation({ project }, over, OPERATION_SECONDS);
    expect(view.operation.state).toBe('finished');
    expect(await hasNetwork(network)).toBe(false);
    expect((await identity('GET', `/projects/${project}`)).status).toBe(404);
    expect(await hasNetwork(control.network)).toBe(true);
    expect(await isEnabled(control.project)).toBe(true);
  };

  it('is refused while it is immutable', async () => {
    const made = await make('immutable');
    await setProject(made.project, { options: { immutable: true } });
    await expectRefusedThenDone(
      'immutable',
      made,
      `openstack project set --no-immutable ${made.project}`,
      () => setProject(made.project, { options: { immutable: false } }),
    );
  });

  it('is refused while a project is below it', async () => {
    const made = await make('parent');
    const child = await makeProject('child', made.project);
    const command = `openstack project delete ${child}`;
    await expectRefusedThenDone('parent', made, command, () =>
      identity('DELETE', `/projects/${child}`),
    );
  });

  it('is refused while its domain is disabled', async () => {
    const made = await make('asleep');
    await setDomain({ enabled: false });
    const command = `openstack domain set --enable ${domain}`;
    await expectRefusedThenDone('asleep', made, command, () => setDomain({ enabled: true }));
  });

  it('is refused with the id of its domain, which the message names as a domain', async () => {
    const { status, error } = await ask(domain, 'control');
    expect(status).toBe(409);
    expect(error.message).toBe(`${domain} is the id of a domain (${prefix}), not of a project`);
  });

  it('is not refused for an immutable domain, which Keystone accepts', async () => {
    const made = await make('in-immutable-domain');
    await setDomain({ options: { immutable: true } });
    await expectDone('in-immutable-domain', made);
    await setProject(domain, { options: { immutable: false } });
  });

  it('waits before the first removal if Keystone begins to refuse the deletion after the request', async () => {
    const made = await make('late');
    expect(await ask(made.project, 'late')).toMatchObject({ status: 202 });
    await setProject(made.project, { options: { immutable: true } });
    const view = await propagator.operation(
      { project: made.project },
      ({ operation }) => operation.hold !== undefined || operation.state === 'finished',
      OPERATION_SECONDS,
    );
    if (view.operation.startedAt === undefined || view.operation.startedAt === null)
      expect(await hasNetwork(made.network)).toBe(true);
    expect(view.operation.hold?.advice).toContain('openstack project set --no-immutable');
    await setProject(made.project, { options: { immutable: false } });
    await until('it goes on', OPERATION_SECONDS, async () =>
      (await isEnabled(made.project)) ? undefined : true,
    );
    const ended = await propagator.operation(
      { project: made.project },
      isState('finished'),
      OPERATION_SECONDS,
    );
    expect(ended.operation.state).toBe('finished');
  });
});
