import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';

/** The roles that a resume took on a project, stored before the first one was assigned. */
const Taken = z.looseObject({ roles: z.array(z.string()) });

interface RoleDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystoneActions'>;
}

const keyOf = (project: string) => ({
  collection: 'suspension' as const,
  partition: 'project-roles',
  id: project,
});

async function takenOn(project: string, { engine }: RoleDeps) {
  const { collection, partition } = keyOf(project);
  const documents = await engine.reads.documents(collection, partition, project);
  const found = documents.find(({ id }) => id === project);
  return found && { ...Taken.parse(found.value), version: found.version };
}

/**
 * Assigns the propagator's roles on a project to its own user, so that Keystone gives a token on
 * the project. The roles are stored before the first assignment, so that the next run can revoke
 * them after a crash. Throws the error of a failed call to Keystone.
 */
export async function takeProjectRole(project: ProjectId, deps: RoleDeps): Promise<void> {
  const { engine, cloud } = deps;
  const taken = await takenOn(project, deps);
  const roles = taken?.roles ?? (await cloud.keystoneActions.missingRoles(project));
  if (!taken && roles.length > 0)
    await engine.commit({ documents: [{ ...keyOf(project), version: 0, value: { roles } }] });
  await cloud.keystoneActions.assignRoles(project, roles);
}

/** Revokes the roles that a resume took on a project, if it took any. The call may be repeated. */
export async function returnProjectRole(project: ProjectId, deps: RoleDeps): Promise<void> {
  const taken = await takenOn(project, deps);
  if (!taken) return;
  await deps.cloud.keystoneActions.revokeRoles(project, taken.roles);
  await deps.engine.commit({ documents: [{ ...keyOf(project), version: taken.version }] });
}
