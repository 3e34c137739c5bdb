import { attempt, make, named, type Plot } from './plot.ts';

/** What hangs on a project in Keystone itself: part of it Keystone removes, part of it stays. */
export async function fullIdentity(
  plot: Plot,
  others: { readonly readerId: string; readonly readerRoleId: string; readonly groupId: string },
): Promise<void> {
  const { member, memberUser, project, admin } = plot;
  const onProject = `/projects/${project.id}`;
  await Promise.all([
    // Keystone wants the user itself for this, not an administrator.
    make(member, 'identity', `/users/${memberUser.id}/application_credentials`, 'application_credential', {
      name: named(plot, project.name),
    }),
    member.call('identity', 'POST', `/users/${memberUser.id}/credentials/OS-EC2`, { json: { tenant_id: project.id } }),
    admin.call('identity', 'PUT', `${onProject}/users/${others.readerId}/roles/${others.readerRoleId}`),
    admin.call('identity', 'PUT', `${onProject}/groups/${others.groupId}/roles/${others.readerRoleId}`),
    attempt(plot, 'keystone.trust', () =>
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
