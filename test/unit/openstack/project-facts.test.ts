import { ProjectId } from '../../../events/ids.ts';
import type { Cloud } from '../../../lib/openstack/cloud.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { type RehearsalCloud, startCloud } from '../../cloud/cloud.ts';
import { loginOf } from '../../cloud/login.ts';
import type { Project } from '../../cloud/rows.ts';

let rehearsal: RehearsalCloud;
let cloud: Cloud;
let project: Project;
let domain: Project;
beforeEach(async () => {
  rehearsal = await startCloud();
  cloud = connect(rehearsal.credentials);
  domain = add('market', null, true);
  project = add('shop', domain.id);
});
afterEach(async () => {
  await cloud.close();
  await rehearsal.close();
});

const connect = (env: Readonly<Record<string, string>>): Cloud =>
  connectCloud(loginOf(env), { sleep: async () => {} });
const add = (name: string, parent: string | null, is_domain = false): Project =>
  rehearsal.state.identity.projects.add({
    ...{ id: `${name}0000`, name, parent_id: parent, domain_id: is_domain ? null : domain.id },
    ...{ is_domain, enabled: true, tags: ['kept'], options: {}, description: 'kept' },
  });
const checkDeletion = (usedCloud = cloud) =>
  usedCloud.projectAdmin.checkDeletion(ProjectId.parse(project.id));
/** The complete state of Keystone, which a check must not change. */
const identityState = () => {
  const { projects, assignments, roles, users } = rehearsal.state.identity;
  return structuredClone([projects, assignments, roles, users].map((table) => table.all()));
};
const deny = (method: string, path: RegExp, rule: string) =>
  rehearsal.faults.inject({
    service: 'keystone',
    method,
    path,
    effect: {
      does: 'answer',
      status: 403,
      message: `You are not authorized to perform the requested action: identity:${rule}.`,
    },
  });

describe('the checks in Keystone before a project is emptied', () => {
  it('change nothing in Keystone, with any result', async () => {
    const before = identityState();
    expect(await checkDeletion()).toEqual({ refusals: [], unknown: [] });
    project.enabled = false;
    const disabled = identityState();
    expect(await checkDeletion()).toEqual({ refusals: [], unknown: [] });
    expect(identityState()).toEqual(disabled);
    project.enabled = true;
    expect(identityState()).toEqual(before);
  });

  it.each([undefined, true] as const)(
    'name the time at which the untested permissions of a plan are tested (part of a domain: %s)',
    async (deletedWithDomain) => {
      const how = { readOnly: true, ...(deletedWithDomain ? { deletedWithDomain } : {}) } as const;
      const { unknown } = await cloud.projectAdmin.checkDeletion(ProjectId.parse(project.id), how);
      expect(unknown.length).toBeGreaterThan(0);
      for (const text of unknown)
        expect(text).toContain(
          'the permission is tested after the approval, before any resource of the project is removed',
        );
    },
  );

  it('send no deletion with the id of a real project', async () => {
    await checkDeletion();
    const deletions = rehearsal.calls.filter(({ method }) => method === 'DELETE');
    expect(deletions.length).toBeGreaterThan(0);
    const ids = rehearsal.state.identity.projects.all().map(({ id }) => `/v3/projects/${id}`);
    for (const { path } of deletions) expect(ids).not.toContain(path);
  });

  it.each([
    [
      'an immutable project',
      () => Object.assign(project.options, { immutable: true }),
      'immutable',
    ],
    ['a child, enabled', () => add('kid', project.id), 'kid (kid0000)'],
    ['a child, disabled', () => Object.assign(add('kid', project.id), { enabled: false }), 'kid'],
    ['a disabled domain', () => Object.assign(domain, { enabled: false }), 'domain market0000'],
  ])('find %s', async (_, make, message) => {
    make();
    expect(await checkDeletion()).toEqual({
      refusals: [
        { message: expect.stringContaining(message), advice: expect.stringContaining('openstack') },
      ],
      unknown: [],
    });
  });

  it.each([
    ['an immutable domain', () => Object.assign(domain.options, { immutable: true })],
    [
      'a disabled parent',
      () => {
        const parent = add('parent', domain.id);
        Object.assign(parent, { enabled: false });
        Object.assign(project, { parent_id: parent.id });
      },
    ],
  ])('do not refuse %s, which Keystone accepts too', async (_, make) => {
    make();
    expect(await checkDeletion()).toEqual({ refusals: [], unknown: [] });
    const id = ProjectId.parse(project.id);
    await cloud.projectAdmin.disable(id);
    await cloud.projectAdmin.delete(id);
    expect(rehearsal.state.identity.projects.get(id)).toBeUndefined();
  });

  it.each([
    ['PATCH', /\/projects\/shop0000$/, 'update_project'],
    ['DELETE', /\/projects\/[0-9a-f]{32}$/, 'delete_project'],
    ['DELETE', /\/roles\//, 'revoke_grant'],
  ])('find a policy that forbids %s %s', async (method, path, rule) => {
    deny(method, path, rule);
    const { refusals, unknown } = await checkDeletion();
    expect(refusals).toEqual([
      {
        message: expect.stringContaining(`requested action: identity:${rule}`),
        advice: expect.stringContaining(`its rule identity:${rule}`),
      },
    ]);
    expect(unknown).toEqual([]);
  });

  it('report as unknown the result of a policy that compares domains', async () => {
    deny('PATCH', /\/projects\/[0-9a-f]{32}$/, 'update_project');
    deny('DELETE', /\/projects\/[0-9a-f]{32}$/, 'delete_project');
    expect(await checkDeletion()).toEqual({
      refusals: [],
      unknown: [expect.stringContaining('identity:delete_project')],
    });
  });

  it('report as unknown a domain that Keystone does not show', async () => {
    deny('GET', /\/domains\/market0000/, 'get_domain');
    expect(await checkDeletion()).toEqual({
      refusals: [],
      unknown: [expect.stringContaining('domain')],
    });
  });

  it('use the real user if a policy compares the user of a role', async () => {
    const [admin] = rehearsal.state.identity.users.where(({ name }) => name === 'admin');
    deny('DELETE', new RegExp(`/users/(?!${admin?.id})[^/]+/roles/`), 'revoke_grant');
    expect(await checkDeletion()).toEqual({ refusals: [], unknown: [] });
    const roleCalls = rehearsal.calls.filter(({ path }) => path.includes('/roles/'));
    expect(roleCalls).toHaveLength(2);
  });

  it('find that an application credential gives no token on an enabled project', async () => {
    const bound = connect(rehearsal.applicationCredentials);
    const { refusals } = await checkDeletion(bound);
    expect(refusals).toMatchObject([
      { message: expect.stringContaining('application credential') },
    ]);
    project.enabled = false;
    expect((await checkDeletion(bound)).refusals).toEqual([]);
    await bound.close();
  });

  it('throw while Keystone does not answer, and for a deleted project', async () => {
    const away = rehearsal.faults.inject({
      service: 'keystone',
      path: /parent_id/,
      effect: { does: 'answer', status: 503 },
    });
    await expect(checkDeletion()).rejects.toMatchObject({ report: { class: 'Transient' } });
    away.clear();
    rehearsal.state.identity.projects.delete(project.id);
    await expect(checkDeletion()).rejects.toMatchObject({ report: { class: 'Gone' } });
  });
});
