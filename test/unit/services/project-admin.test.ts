import { ProjectId, ServiceName } from '../../../events/ids.ts';
import type { Cloud } from '../../../lib/openstack/cloud.ts';
import { connectCloud } from '../../../lib/openstack/connect.ts';
import { type RehearsalCloud, startCloud } from '../../cloud/cloud.ts';
import { loginOf } from '../../cloud/login.ts';

let rehearsal: RehearsalCloud;
let cloud: Cloud;
let project: ProjectId;
beforeEach(async () => {
  rehearsal = await startCloud();
  cloud = connect(rehearsal.credentials);
  project = ProjectId.parse(addProject('shop'));
});
afterEach(async () => {
  await cloud.close();
  await rehearsal.close();
});

const connect = (env: Readonly<Record<string, string>>): Cloud =>
  connectCloud(loginOf(env), { sleep: async () => {} });
const addProject = (name: string, parent_id = 'default'): string =>
  rehearsal.state.identity.projects.add({
    ...{ id: `${name}0000`, name, parent_id, domain_id: 'default' },
    ...{ is_domain: false, enabled: true, tags: [], options: {}, description: '' },
  }).id;
/** The users and their roles on the project now. */
const assignments = () =>
  rehearsal.state.identity.assignments
    .where(({ target }) => 'project' in target && target.project === project)
    .map(({ role, actor }) => [
      rehearsal.state.identity.roles.get(role)?.name,
      'user' in actor ? actor.user : actor.group,
    ]);
const admin = () => rehearsal.state.identity.users.where(({ name }) => name === 'admin')[0]?.id;
const shown = () => rehearsal.state.identity.projects.get(project);

describe('the Keystone actions on a project', () => {
  it('assign the missing role, and revoke exactly that role, also when they are repeated', async () => {
    const roles = await cloud.projectAdmin.missingRoles(project);
    for (let n = 0; n < 2; n += 1) await cloud.projectAdmin.assignRoles(project, roles);
    expect(assignments()).toEqual([['admin', admin()]]);
    expect(await cloud.projectAdmin.missingRoles(project)).toEqual([]);
    for (let n = 0; n < 2; n += 1) await cloud.projectAdmin.revokeRoles(project, roles);
    expect(assignments()).toEqual([]);
    expect(shown()).toMatchObject({ enabled: true });
  });

  it('remove its credentials of a member with the role, and no other credential', async () => {
    const { applicationCredentials } = rehearsal.state.identity;
    const roles = await cloud.projectAdmin.missingRoles(project);
    await cloud.projectAdmin.assignRoles(project, roles);
    const address = { name: 'trove', catalogTypes: ['identity'], concurrency: 1 };
    const member = { ...address, name: ServiceName.parse(address.name), microversion: undefined };
    await cloud.api(member, 'RegionOne', project, 'member');
    const made = applicationCredentials.where(({ roles: [role] }) => role === 'member');
    expect(made).toHaveLength(1);
    const own = { user_id: admin() ?? '', secret: 's', roles: [] };
    const kept = [
      { id: 'a', name: 'of a person', project_id: project, ...own },
      { id: 'b', name: 'keystone-propagator-member-x', project_id: 'other', ...own },
    ].map((row) => applicationCredentials.add(row).id);
    for (let n = 0; n < 2; n += 1) await cloud.projectAdmin.revokeRoles(project, roles);
    const ids = applicationCredentials.all().map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(kept));
    expect(ids).not.toContain(made[0]?.id);
  });

  it('disable it and delete it, and succeed if it is gone', async () => {
    const roles = await cloud.projectAdmin.missingRoles(project);
    await cloud.projectAdmin.assignRoles(project, roles);
    await cloud.projectAdmin.disable(project);
    expect(shown()).toMatchObject({ enabled: false });
    await cloud.projectAdmin.delete(project);
    expect(shown()).toBeUndefined();
    await cloud.projectAdmin.delete(project);
    await cloud.projectAdmin.disable(project);
    await cloud.projectAdmin.revokeRoles(project, roles);
    expect(assignments()).toEqual([]);
  });

  it('do not delete a project that has projects below it', async () => {
    addProject('branch', project);
    expect(await cloud.projectAdmin.checkDeletion(project)).toMatchObject({
      refusals: [{ message: expect.stringContaining('1 project is below it') }],
    });
    await expect(cloud.projectAdmin.delete(project)).rejects.toMatchObject({
      report: { class: 'Denied', status: 403 },
    });
    expect(shown()).toBeDefined();
  });

  it('report a project that Keystone still shows after the deletion', async () => {
    const { projects } = rehearsal.state.identity;
    projects.delete = () => true;
    await expect(cloud.projectAdmin.delete(project)).rejects.toMatchObject({
      report: { code: 'keystone.project.still-there', class: 'Transient' },
    });
  });

  it('fail with an application credential, which gives no token on another project', async () => {
    const bound = connect(rehearsal.applicationCredentials);
    const roles = await bound.projectAdmin.missingRoles(project);
    await expect(bound.projectAdmin.assignRoles(project, roles)).rejects.toMatchObject({
      report: { code: 'keystone.login.bound', class: 'Denied' },
    });
    await bound.close();
  });

  it('fail if the project was disabled meanwhile', async () => {
    const roles = await cloud.projectAdmin.missingRoles(project);
    await cloud.projectAdmin.assignRoles(project, roles);
    await cloud.projectAdmin.revokeRoles(project, roles);
    await cloud.projectAdmin.disable(project);
    await expect(cloud.projectAdmin.assignRoles(project, roles)).rejects.toMatchObject({
      report: { code: 'keystone.login.project', class: 'Denied' },
    });
  });
});
