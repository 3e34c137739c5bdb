import { createIfSupported, make, prefixedName, type SeedProject } from './seed.ts';

/**
 * Creates resources of a project in Keystone itself: Keystone removes some of them with the
 * project, and others stay.
 */
export async function fullIdentity(
  seedProject: SeedProject,
  others: { readonly readerId: string; readonly readerRoleId: string; readonly groupId: string },
): Promise<void> {
  const { member, memberUser, project, admin } = seedProject;
  const projectApi = `/projects/${project.id}`;
  await Promise.all([
    // Keystone accepts this from the user only, not from an administrator.
    make(
      member,
      'identity',
      `/users/${memberUser.id}/application_credentials`,
      'application_credential',
      {
        name: prefixedName(seedProject, project.name),
      },
    ),
    member.call('identity', 'POST', `/users/${memberUser.id}/credentials/OS-EC2`, {
      json: { tenant_id: project.id },
    }),
    admin.call(
      'identity',
      'PUT',
      `${projectApi}/users/${others.readerId}/roles/${others.readerRoleId}`,
    ),
    admin.call(
      'identity',
      'PUT',
      `${projectApi}/groups/${others.groupId}/roles/${others.readerRoleId}`,
    ),
    createIfSupported(seedProject, 'keystone.trust', () =>
      make(member, 'identity', '/OS-TRUST/trusts', 'trust', {
        trustor_user_id: memberUser.id,
        trustee_user_id: others.readerId,
        project_id: project.id,
        impersonation: true,
        roles: [{ name: 'member' }],
      }),
    ),
  ]);
}
