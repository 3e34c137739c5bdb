import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import {
  checkKeystone,
  factsForDomainDeletion,
  type KeystoneCheck,
} from '../operation/keystone-check.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import { isMemberCredential } from './member.ts';
import { readKeystoneFacts } from './project-facts.ts';
import type { Session } from './session.ts';

/** The options of {@link ProjectAdmin.checkDeletion}. */
export interface DeletionCheckOptions {
  /** True: the check makes only GET calls, and reports each permission as unknown. */
  readonly readOnly?: true;
  /** The project is deleted together with its domain (`factsForDomainDeletion`). */
  readonly deletedWithDomain?: true;
}

/** The Keystone actions of a requested project deletion. Each action may be repeated. */
export interface ProjectAdmin {
  /** Returns the ids of the roles that the propagator needs on the project and lacks there. */
  missingRoles(project: ProjectId): Promise<string[]>;
  /**
   * Assigns the roles on the project to the propagator's user, and gets a token with them. Throws
   * when Keystone refuses the token, for example for an application credential.
   */
  assignRoles(project: ProjectId, roles: readonly string[]): Promise<void>;
  /**
   * Revokes the roles of the propagator's user on the project. A role also counts as revoked if the
   * role or the project no longer exists.
   */
  revokeRoles(project: ProjectId, roles: readonly string[]): Promise<void>;
  /**
   * Disables the project: Keystone issues no more tokens on it and revokes the existing ones
   * (Identity API v3).
   */
  disable(project: ProjectId): Promise<void>;
  /** Enables the project again, after its deletion was canceled or refused. */
  enable(project: ProjectId): Promise<void>;
  /**
   * Deletes the project. Throws `PropagatorError` if Keystone still shows it. Keystone refuses
   * (403) while the project has child projects.
   */
  delete(project: ProjectId): Promise<void>;
  /**
   * Returns the reasons why Keystone would refuse to assign a role on the project, to disable it or
   * to delete it (safety rule "Know the end before the beginning"). Changes nothing. Throws class
   * `Gone` when the project does not exist.
   */
  checkDeletion(project: ProjectId, options?: DeletionCheckOptions): Promise<KeystoneCheck>;
}

const assignmentRow = z.object({ role: z.object({ id: z.string() }) });
const credentialRow = z.object({
  id: z.string(),
  name: z.string(),
  project_id: z.string().nullish(),
});

/**
 * Implements the actions with Keystone's API v3. `ownSession`: the propagator's login. `sessionOn`:
 * returns a session on a project. `isProjectBound`: the credentials are valid for one project only.
 */
export function createProjectAdmin(
  api: ServiceApi,
  ownSession: Session,
  sessionOn: (project: ProjectId) => Session,
  isProjectBound: boolean,
): ProjectAdmin {
  const rolePath = async (project: ProjectId, role: string): Promise<string> => {
    const { user } = await ownSession.token();
    const roles = `${pathOf(project)}/users/${encodeURIComponent(user.id)}/roles`;
    return `${roles}/${encodeURIComponent(role)}`;
  };
  const setEnabled = async (project: ProjectId, enabled: boolean): Promise<void> => {
    await api.request('PATCH', pathOf(project), { json: { project: { enabled } }, accept: [404] });
  };
  return {
    missingRoles: (project) => missingRolesOn(project, api, ownSession),
    async assignRoles(project, roles) {
      for (const role of roles) await api.request('PUT', await rolePath(project, role));
      // The session may have a token of an earlier assignment, which Keystone has revoked.
      const projectSession = sessionOn(project);
      await projectSession.replaceToken(await projectSession.token());
    },
    async revokeRoles(project, roles) {
      await deleteMemberCredentials(project, api, ownSession);
      for (const role of roles)
        await api.request('DELETE', await rolePath(project, role), { accept: [404] });
    },
    disable: (project) => setEnabled(project, false),
    enable: (project) => setEnabled(project, true),
    async delete(project) {
      await deleteMemberCredentials(project, api, ownSession);
      await api.request('DELETE', pathOf(project), { accept: [404] });
      const answer = await api.request('GET', pathOf(project), { accept: [404] });
      if (answer.status !== 404) throw stillThereError(answer.requestId);
    },
    async checkDeletion(project, { readOnly, deletedWithDomain } = {}) {
      const [token, missingRoles] = await Promise.all([
        ownSession.token(),
        missingRolesOn(project, api, ownSession),
      ]);
      const login = { ...token, isProjectBound };
      const permissionTest = readOnly ? undefined : { missingRoles };
      const facts = await readKeystoneFacts(api, login, project, permissionTest);
      return checkKeystone(deletedWithDomain ? factsForDomainDeletion(facts) : facts);
    },
  };
}

const pathOf = (project: ProjectId): string => `/v3/projects/${encodeURIComponent(project)}`;

/**
 * Returns the ids of the roles that the user of the session needs on the project and lacks there.
 */
async function missingRolesOn(
  project: ProjectId,
  api: ServiceApi,
  session: Session,
): Promise<string[]> {
  const { user, roles } = await session.token();
  // The role `admin` includes its implied roles. Without `admin`, the propagator needs all
  // roles that it has on its own project.
  const adminRoles = roles.filter((role) => role.name === 'admin');
  const requiredRoles = (adminRoles.length > 0 ? adminRoles : roles).map((role) => role.id);
  // Only direct assignments are read. A role that the propagator has through a group or a
  // domain is assigned once more, and only this direct assignment is revoked later.
  const query = { 'user.id': user.id, 'scope.project.id': project };
  const { rows } = await api.list('/v3/role_assignments', {
    collection: 'role_assignments',
    row: assignmentRow,
    paging: 'next',
    query,
  });
  const assignedRoleIds = new Set(rows.map((row) => row.role.id));
  return requiredRoles.filter((role) => !assignedRoleIds.has(role));
}

/**
 * Deletes the application credentials of member sessions on the project. Keystone keeps application
 * credentials when it deletes the role or the project (seen on Keystone 30).
 */
async function deleteMemberCredentials(
  project: ProjectId,
  api: ServiceApi,
  session: Session,
): Promise<void> {
  const { user } = await session.token();
  const credentialsPath = `/v3/users/${encodeURIComponent(user.id)}/application_credentials`;
  const { rows } = await api.list(credentialsPath, {
    collection: 'application_credentials',
    row: credentialRow,
    paging: 'next',
  });
  for (const { id, name, project_id } of rows)
    if (project_id === project && isMemberCredential(name))
      await api.request('DELETE', `${credentialsPath}/${encodeURIComponent(id)}`, {
        accept: [404],
      });
}

const stillThereError = (requestId: ErrorReport['requestId']): PropagatorError =>
  new PropagatorError({
    code: 'keystone.project.still-there',
    class: 'Transient',
    message: 'Keystone accepted the deletion of the project but still shows the project',
    advice: 'The answer may be stale. The propagator checks again.',
    service: 'keystone',
    requestId,
  });
