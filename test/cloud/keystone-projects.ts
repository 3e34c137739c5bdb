import { type Call, Refusal } from './http.ts';
import type { Project } from './rows.ts';
import type { CloudState } from './state.ts';

/** A project. A domain lacks some fields of a project. */
export function showProject(call: Call, row: Project, as: 'projects' | 'domains' = 'projects') {
  const { id, name, domain_id, parent_id, is_domain, enabled, description, tags, options } = row;
  const links = { self: `${call.base}/v3/${as}/${id}` };
  return as === 'domains'
    ? { id, name, description, enabled, tags, options, links }
    : { id, name, domain_id, description, enabled, parent_id, is_domain, tags, options, links };
}

/** Keystone's own message, with its unpaired quote. */
export const immutable = (what: 'update' | 'delete', { id, is_domain }: Project): string =>
  `Unable to ${what} immutable ${is_domain ? 'domain' : 'project'} resource: \`${id}. ` +
  'Set resource option "immutable" to false first.';

/**
 * All projects below one, the deepest first. Keystone deletes the projects of a domain in this
 * order.
 */
export function subtree(state: CloudState, root: Project): Project[] {
  const children = state.identity.projects.where((row) => row.parent_id === root.id);
  return children.flatMap((child) => [...subtree(state, child), child]);
}

/**
 * Deletes a project without children. Keystone also deletes its role assignments, credentials,
 * trusts and limits, without a notification, but no application credentials. Users keep it as their
 * default project. `call` is undefined if Keystone itself deletes it; the notification then has no
 * initiator.
 */
export function deleteProject(state: CloudState, project: Project, call: Call | undefined): void {
  const { identity } = state;
  if (project.options.immutable === true) throw new Refusal(403, immutable('delete', project));
  if (identity.projects.some((row) => row.parent_id === project.id)) {
    const message = `Cannot delete the project ${project.id} since it is not a leaf in the hierarchy. Use the cascade option if you want to delete a whole subtree.`;
    throw new Refusal(403, message);
  }
  identity.projects.delete(project.id);
  remove(
    identity.assignments,
    (row) => 'project' in row.target && row.target.project === project.id,
  );
  remove(identity.credentials, (row) => row.project_id === project.id);
  remove(identity.trusts, (row) => row.project_id === project.id);
  remove(identity.limits, (row) => row.project_id === project.id);
  state.notify('identity.project.deleted', project.id, call);
}

/**
 * Deletes a disabled domain: first its projects from the leaves up, then its groups and users. The
 * domain itself is announced once as a project and once as a domain.
 */
export function deleteDomain(state: CloudState, call: Call, domain: Project): void {
  const { identity } = state;
  if (domain.options.immutable === true) throw new Refusal(403, immutable('delete', domain));
  if (domain.enabled)
    throw new Refusal(403, 'Cannot delete a domain that is enabled, please disable it first.');
  for (const project of subtree(state, domain)) deleteProject(state, project, undefined);
  for (const group of identity.groups.where((row) => row.domain_id === domain.id)) {
    identity.groups.delete(group.id);
    remove(identity.assignments, (row) => 'group' in row.actor && row.actor.group === group.id);
    state.notify('identity.group.deleted', group.id, undefined);
  }
  for (const user of identity.users.where((row) => row.domain_id === domain.id))
    deleteUser(state, user.id, undefined);
  remove(identity.assignments, (row) => 'domain' in row.target && row.target.domain === domain.id);
  // Roles and limits of the domain stay.
  remove(identity.providers, (row) => row.domain_id === domain.id);
  deleteProject(state, domain, call);
  state.notify('identity.domain.deleted', domain.id, call);
}

/**
 * Deletes a user and the rows that Keystone removes with it. The application credentials are
 * announced before the user. The other rows are not announced.
 */
export function deleteUser(state: CloudState, userId: string, call: Call | undefined): void {
  const { identity } = state;
  for (const credential of identity.applicationCredentials.where((row) => row.user_id === userId)) {
    identity.applicationCredentials.delete(credential.id);
    state.notify('identity.application_credential.deleted', credential.id, call);
  }
  identity.users.delete(userId);
  for (const group of identity.groups.all()) group.users.delete(userId);
  remove(identity.assignments, (row) => 'user' in row.actor && row.actor.user === userId);
  remove(identity.credentials, (row) => row.user_id === userId);
  remove(
    identity.trusts,
    (row) => row.trustor_user_id === userId || row.trustee_user_id === userId,
  );
  state.notify('identity.user.deleted', userId, call);
}

function remove<T extends { id: string }>(
  table: { where(wanted: (row: T) => boolean): T[]; delete(id: string): boolean },
  wanted: (row: T) => boolean,
): void {
  for (const row of table.where(wanted)) table.delete(row.id);
}
