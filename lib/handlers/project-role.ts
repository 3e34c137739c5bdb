import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Operation } from '../operation/model.ts';

/** The roles that a resume assigns on a project, stored before the first assignment. */
const StoredRoles = z.looseObject({ roles: z.array(z.string()) });

interface RoleDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'projectAdmin'>;
}

const keyOf = (project: string) => ({
  collection: 'suspension' as const,
  partition: 'project-roles',
  id: project,
});

async function readStoredRoles(project: string, { engine }: RoleDeps) {
  const { collection, partition } = keyOf(project);
  const documents = await engine.reads.documents(collection, partition, project);
  const document = documents.find(({ id }) => id === project);
  return document && { ...StoredRoles.parse(document.value), version: document.version };
}

/**
 * Assigns roles on a project to the propagator's user, so that Keystone gives the user a token on
 * the project. The roles are stored before the first assignment. After a crash, the next run can
 * therefore revoke them. Throws the error of a failed call to Keystone.
 */
export async function assignProjectRoles(project: ProjectId, deps: RoleDeps): Promise<void> {
  const { engine, cloud } = deps;
  const storedRoles = await readStoredRoles(project, deps);
  const roles = storedRoles?.roles ?? (await cloud.projectAdmin.missingRoles(project));
  if (!storedRoles && roles.length > 0)
    await engine.commit({ documents: [{ ...keyOf(project), version: 0, value: { roles } }] });
  await cloud.projectAdmin.assignRoles(project, roles);
}

/**
 * Revokes the roles that a resume has assigned on a project, if there are any. The call may be
 * repeated.
 */
export async function revokeProjectRoles(project: ProjectId, deps: RoleDeps): Promise<void> {
  const storedRoles = await readStoredRoles(project, deps);
  if (!storedRoles) return;
  await deps.cloud.projectAdmin.revokeRoles(project, storedRoles.roles);
  await deps.engine.commit({ documents: [{ ...keyOf(project), version: storedRoles.version }] });
}

/** Revokes the roles on the project of an operation. Does nothing for a domain or a user. */
export async function revokeRolesOf({ scope }: Operation, deps: RoleDeps): Promise<void> {
  if (scope.type === 'project') await revokeProjectRoles(scope.id, deps);
}
