import * as z from 'zod';
import { defineUserType, type UserContext } from '../../task/service.ts';
import { listAsAdministrator, stackRow } from './rows.ts';

const idRow = z.object({ id: z.string() });

/**
 * Returns the stacks in existing projects that use a trust of the user. Heat shows only the name of
 * the user, not the id. A stack is returned if it shows the user's name and the user had a role on
 * its project. If another user has the same name, no stack is returned. The field `user` in the
 * result comes from this check and not from Heat.
 */
export async function stacksWithTrustOf(context: UserContext) {
  const { user, userName, projects } = context;
  const [anyProject] = projects;
  if (userName === undefined || anyProject === undefined) return [];
  const query = { username: userName, show_hidden: true };
  const rows = await listAsAdministrator(context, anyProject, '/stacks', {
    collection: 'stacks',
    row: stackRow,
    paging: 'marker',
    query,
  });
  const projectIds = new Set<string>(projects);
  const stacks = rows.filter(
    ({ project, stack_owner }) => stack_owner === userName && projectIds.has(project ?? ''),
  );
  return stacks.length === 0 || (await hasNamesake(userName, context))
    ? []
    : stacks.map((stack) => ({ ...stack, user }));
}

/**
 * Stacks in existing projects that used a trust of the deleted user. A stack belongs to its project
 * and is not removed, but its automatic actions fail.
 */
export const trustedStack = defineUserType({
  name: 'trusted-stack',
  list: stacksWithTrustOf,
  id: (stack) => stack.id,
  owner: (stack) => stack.user,
  label: (stack) => stack.stack_name,
  remove: async () => ({
    kind: 'retained',
    message:
      'the stack used a trust of the deleted user: its autoscaling, signals and ' +
      'software deployments no longer work',
    advice:
      'Heat 25 and later: a member of the project must update the stack (openstack ' +
      'stack update --existing STACK_ID). Heat then uses a trust of that member. ' +
      'Earlier releases: recreate the stack if it scales or receives signals.',
  }),
});

/**
 * Returns true if another user has this name. With domain-specific drivers, Keystone shows only
 * users of the named domain, so each domain is searched separately.
 */
async function hasNamesake(name: string, { apiOf, user }: UserContext): Promise<boolean> {
  const keystone = await apiOf('keystone');
  if (!keystone) return true;
  const domains = await keystone.list('/v3/domains', {
    collection: 'domains',
    row: idRow,
    paging: 'next',
  });
  for (const domain of domains.rows) {
    const query = { domain_id: domain.id, name };
    const options = { collection: 'users', row: idRow, paging: 'next', query } as const;
    const { rows } = await keystone.list('/v3/users', options);
    // Keystone also lists disabled users, but no deleted users.
    if (rows.some(({ id }) => id !== user)) return true;
  }
  return false;
}
