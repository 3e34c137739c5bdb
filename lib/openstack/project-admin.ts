import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import { checkKeystone, factsInDomain, type KeystoneCheck } from '../operation/keystone-check.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import { isMemberCredential } from './member.ts';
import { readKeystoneFacts } from './project-facts.ts';
import type { Session } from './session.ts';

/** How the deletion of a project is checked. */
export interface HowChecked {
  readonly readOnly?: true;
  readonly inDomain?: true;
}

/** The Keystone actions of a requested project deletion. Each action may be repeated. */
export interface ProjectAdmin {
  /** Ids of the roles that a token on the project needs and the propagator lacks. */
  missingRoles(project: ProjectId): Promise<string[]>;
  /**
   * Assigns the roles on the project and gets a token with them. Throws when Keystone refuses the
   * token, for example for an application credential.
   */
  assignRoles(project: ProjectId, roles: readonly string[]): Promise<void>;
  /** Revokes the roles. A role counts as revoked if it or the project no longer exists. */
  revokeRoles(project: ProjectId, roles: readonly string[]): Promise<void>;
  /**
   * Disables the project: Keystone issues no more tokens on it and revokes the existing ones
   * (Identity API v3).
   */
  disable(project: ProjectId): Promise<void>;
  /** Enables the project that a recovery window has disabled. */
  enable(project: ProjectId): Promise<void>;
  /**
   * Deletes the project. Throws `PropagatorError` if Keystone still shows it. Keystone refuses
   * (403) while the project has child projects.
   */
  delete(project: ProjectId): Promise<void>;
  /**
   * Returns the reasons for which Keystone would refuse a role, the disabling or the deletion of
   * the project (safety rule "Know the end before the beginning"). Changes nothing. Throws class
   * `Gone` when the project does not exist. `readOnly`: makes only GET calls and reports
   * permissions as unknown. `inDomain`: the project is deleted with its domain (`factsInDomain`).
   */
  checkDeletion(project: ProjectId, how?: HowChecked): Promise<KeystoneCheck>;
}

const assignment = z.object({ role: z.object({ id: z.string() }) });
const credential = z.object({ id: z.string(), name: z.string(), project_id: z.string().nullish() });

/**
 * Implements the actions with Keystone's API v3. `session`: the propagator's login. `sessionOn`:
 * returns a session on a project. `isProjectBound`: the credentials are valid for one project only.
 */
export function createProjectAdmin(
  api: ServiceApi,
  session: Session,
  sessionOn: (project: ProjectId) => Session,
  isProjectBound: boolean,
): ProjectAdmin {
  const path = (project: ProjectId): string => `/v3/projects/${encodeURIComponent(project)}`;
  const rolePath = async (project: ProjectId, role: string): Promise<string> => {
    const { user } = await session.token();
    const roles = `${path(project)}/users/${encodeURIComponent(user.id)}/roles`;
    return `${roles}/${encodeURIComponent(role)}`;
  };
  /**
   * Deletes the application credentials of member sessions. Keystone keeps application credentials
   * when it deletes the role or the project (seen on Keystone 30).
   */
  const deleteMemberCredentials = async (project: ProjectId): Promise<void> => {
    const { user } = await session.token();
    const own = `/v3/users/${encodeURIComponent(user.id)}/application_credentials`;
    const { rows } = await api.list(own, {
      collection: 'application_credentials',
      row: credential,
      paging: 'next',
    });
    for (const { id, name, project_id } of rows)
      if (project_id === project && isMemberCredential(name))
        await api.request('DELETE', `${own}/${encodeURIComponent(id)}`, { accept: [404] });
  };
  const setEnabled = async (project: ProjectId, enabled: boolean): Promise<void> => {
    await api.request('PATCH', path(project), { json: { project: { enabled } }, accept: [404] });
  };
  const keystoneActions: ProjectAdmin = {
    async missingRoles(project) {
      const { user, roles } = await session.token();
      // The role `admin` includes its implied roles. A propagator without `admin` needs all roles
      // that it has on its own project.
      const admin = roles.filter((role) => role.name === 'admin');
      const requiredRoles = (admin.length > 0 ? admin : roles).map((role) => role.id);
      // Only direct assignments are read, because the propagator revokes no role of a group or a
      // domain. An additional assignment does no harm.
      const query = { 'user.id': user.id, 'scope.project.id': project };
      const { rows } = await api.list('/v3/role_assignments', {
        collection: 'role_assignments',
        row: assignment,
        paging: 'next',
        query,
      });
      const assigned = new Set(rows.map((row) => row.role.id));
      return requiredRoles.filter((role) => !assigned.has(role));
    },
    async assignRoles(project, roles) {
      for (const role of roles) await api.request('PUT', await rolePath(project, role));
      // Keystone has revoked the token of an earlier assignment.
      const session = sessionOn(project);
      await session.replace(await session.token());
    },
    async revokeRoles(project, roles) {
      await deleteMemberCredentials(project);
      for (const role of roles)
        await api.request('DELETE', await rolePath(project, role), { accept: [404] });
    },
    disable: (project) => setEnabled(project, false),
    enable: (project) => setEnabled(project, true),
    async delete(project) {
      await deleteMemberCredentials(project);
      await api.request('DELETE', path(project), { accept: [404] });
      const answer = await api.request('GET', path(project), { accept: [404] });
      if (answer.status !== 404)
        throw new PropagatorError({
          code: 'keystone.project.still-there',
          class: 'Transient',
          message: 'Keystone accepted the deletion of the project but still shows the project',
          advice: 'The answer may be stale. The propagator checks again.',
          service: 'keystone',
          requestId: answer.requestId,
        });
    },
    async checkDeletion(project, how) {
      const [token, missingRoles] = await Promise.all([
        session.token(),
        keystoneActions.missingRoles(project),
      ]);
      const login = { ...token, isProjectBound };
      const tested = how?.readOnly ? 'untested' : missingRoles;
      const facts = await readKeystoneFacts(api, login, project, tested);
      return checkKeystone(how?.inDomain ? factsInDomain(facts) : facts);
    },
  };
  return keystoneActions;
}
