import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType, EVERY_OTHER, type ProjectContext } from '../task/service.ts';
import { provision } from './keystone/provision.ts';
import { userProvision } from './keystone/provision-user.ts';
import { userReports } from './keystone/user-reports.ts';

const credentialRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  user_id: z.string(),
  project_id: z.string().nullish(),
});
const idRow = z.object({ id: z.string() });

/**
 * Credentials are listed for at most this many users, with one call for each user. 10,000 users
 * take half a minute (8 parallel calls of 20 ms).
 */
const MAX_USERS = 10_000;

/**
 * Returns the ids of the users that may have application credentials for the project. If the
 * inventory does not name the members of the project, returns the ids of all users of all domains:
 * Keystone cannot list users by project, and has removed the role assignments with the project.
 */
async function candidateUserIds({
  api,
  region,
  members,
}: ProjectContext): Promise<readonly string[]> {
  if (members) return members;
  const domains = await api.list('/v3/domains', {
    collection: 'domains',
    row: idRow,
    paging: 'next',
  });
  const userIds: string[] = [];
  // With domain-specific drivers, a listing of all users would contain only the token's own domain.
  for (const domain of domains.rows) {
    const query = { domain_id: domain.id };
    const { rows } = await api.list('/v3/users', {
      collection: 'users',
      row: idRow,
      paging: 'next',
      query,
    });
    userIds.push(...rows.map((user) => user.id));
  }
  if (userIds.length > MAX_USERS)
    throw new PropagatorError({
      code: 'keystone.members.unknown',
      class: 'Unexpected',
      message:
        `the members of the deleted project were not recorded, and ${userIds.length} ` +
        'users are too many to search for application credentials (limit: ' +
        `${MAX_USERS})`,
      advice:
        'Only application credentials that no longer work can remain. Delete them ' +
        '(openstack application credential delete), or discard this dead-letter message ' +
        '(propagator dead-letter discard). To prevent this, wait for the first inventory ' +
        'before projects are deleted.',
      service: 'keystone',
      region,
    });
  return userIds;
}

/**
 * Application credentials that members created for the project. Keystone refuses a login with them,
 * but keeps them until their user or a role of that user is removed. Access rules of a credential
 * are not removed: they belong to the user, other credentials may use them, and their removal needs
 * a token with system scope.
 */
const applicationCredential = defineType({
  name: 'application-credential',
  async list(context) {
    const userIds = [...new Set(await candidateUserIds(context))];
    const listings = await Promise.all(
      userIds.map((user) =>
        context.api.list(`/v3/users/${encodeURIComponent(user)}/application_credentials`, {
          collection: 'application_credentials',
          row: credentialRow,
          paging: 'next',
        }),
      ),
    );
    // Keystone lists only by user. The filter therefore drops the rows of other projects, and rows
    // with system scope, whose project is null.
    const mayBelongToProject = (row: z.infer<typeof credentialRow>): boolean =>
      row.project_id === context.project || row.project_id === undefined;
    return listings.flatMap(({ rows }) => rows).filter(mayBelongToProject);
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    const credentialsPath = `/v3/users/${encodeURIComponent(row.user_id)}/application_credentials`;
    await api.request('DELETE', `${credentialsPath}/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

/**
 * The resources that Keystone keeps when a project is deleted. Keystone removes role assignments,
 * credentials, trusts, limits, tags and endpoint filters with the project (seen on Keystone 22,
 * 2023.1), so they need no resource type. Never use `GET /v3/credentials?project_id=`: Keystone
 * ignores this filter and returns the secrets of all projects.
 */
export const keystone = defineService({
  name: 'keystone',
  catalogTypes: ['identity'],
  dependsOn: [{ services: [EVERY_OTHER], strength: 'preferred', until: 'done' }],
  resourceTypes: [applicationCredential],
  leftBySuspend: [
    {
      types: ['application-credential'],
      because:
        'Keystone refuses the credential while the project is disabled. A deleted credential ' +
        'cannot be restored.',
    },
  ],
  userReports,
  provision,
  userProvision,
});
