import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import { checkKeystone, type KeystoneCheck } from '../operation/keystone-check.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import { isMemberCredential } from './member.ts';
import { readKeystoneFacts } from './project-facts.ts';
import type { Session } from './session.ts';

/**
 * What the propagator itself does to a project in Keystone, when an administrator asked for its
 * end. Every act may be repeated.
 */
export interface ProjectAdmin {
  /** Ids of the roles that a token on the project needs and that we do not have on it. */
  missingRoles(project: ProjectId): Promise<string[]>;
  /**
   * Takes the roles on the project, and a token with them: throws when Keystone gives none, as to
   * an application credential.
   */
  enter(project: ProjectId, roles: readonly string[]): Promise<void>;
  /**
   * Gives them back; those that are gone already, with the project or without, count as given back.
   */
  leave(project: ProjectId, roles: readonly string[]): Promise<void>;
  /** Nobody gets a token on it any more, and those that there are end (Identity API v3). */
  disable(project: ProjectId): Promise<void>;
  /**
   * Throws `PropagatorError` unless Keystone shows it no more. Keystone refuses (403) while it has
   * projects below it.
   */
  delete(project: ProjectId): Promise<void>;
  /**
   * Safety rule 13: why Keystone would refuse to let us work in the project, disable it or delete
   * it. Changes nothing. Throws class `Gone` when the project is not there.
   */
  checkEnd(project: ProjectId): Promise<KeystoneCheck>;
}

const assignment = z.object({ role: z.object({ id: z.string() }) });
const credential = z.object({ id: z.string(), name: z.string(), project_id: z.string().nullish() });

/**
 * Over Keystone's API v3, as the user that `session` is logged in as. `on`: the session on a
 * project.
 * `isBoundToItsProject`: the credentials give no token on another project.
 */
export function createProjectAdmin(
  api: ServiceApi,
  session: Session,
  on: (project: ProjectId) => Session,
  isBoundToItsProject: boolean,
): ProjectAdmin {
  const path = (project: ProjectId): string => `/v3/projects/${encodeURIComponent(project)}`;
  const rolePath = async (project: ProjectId, role: string): Promise<string> => {
    const { user } = await session.token();
    return `${path(project)}/users/${encodeURIComponent(user.id)}/roles/${encodeURIComponent(role)}`;
  };
  /** Keystone removes them neither with the role nor with the project (seen on Keystone 30). */
  const forgetMemberCredentials = async (project: ProjectId): Promise<void> => {
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
  const keystoneActions: ProjectAdmin = {
    async missingRoles(project) {
      const { user, roles } = await session.token();
      // `admin` brings its implied roles; where the cloud calls it otherwise, all that we have at
      // home.
      const admin = roles.filter((role) => role.name === 'admin');
      const wanted = (admin.length > 0 ? admin : roles).map((role) => role.id);
      // Direct assignments only: one by a group or from the domain above is not ours to take back,
      // and does no harm beside ours.
      const query = { 'user.id': user.id, 'scope.project.id': project };
      const { rows } = await api.list('/v3/role_assignments', {
        collection: 'role_assignments',
        row: assignment,
        paging: 'next',
        query,
      });
      const there = new Set(rows.map((row) => row.role.id));
      return wanted.filter((role) => !there.has(role));
    },
    async enter(project, roles) {
      for (const role of roles) await api.request('PUT', await rolePath(project, role));
      // A fresh one: Keystone has revoked that of an earlier stay.
      const session = on(project);
      await session.replace(await session.token());
    },
    async leave(project, roles) {
      await forgetMemberCredentials(project);
      for (const role of roles)
        await api.request('DELETE', await rolePath(project, role), { accept: [404] });
    },
    async disable(project) {
      await api.request('PATCH', path(project), {
        json: { project: { enabled: false } },
        accept: [404],
      });
    },
    async delete(project) {
      await forgetMemberCredentials(project);
      await api.request('DELETE', path(project), { accept: [404] });
      const answer = await api.request('GET', path(project), { accept: [404] });
      if (answer.status !== 404)
        throw new PropagatorError({
          code: 'keystone.project.still-there',
          class: 'Transient',
          message: 'Keystone took the deletion of the project and still shows it',
          advice: 'It may be a stale read; it is asked again.',
          service: 'keystone',
          requestId: answer.requestId,
        });
    },
    async checkEnd(project) {
      const [token, missingRoles] = await Promise.all([
        session.token(),
        keystoneActions.missingRoles(project),
      ]);
      const cleaner = { ...token, isBoundToItsProject };
      return checkKeystone(await readKeystoneFacts(api, cleaner, project, missingRoles));
    },
  };
  return keystoneActions;
}
