import type { ProjectId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import type { DomainProgress } from '../operation/domain-advance.ts';
import type { Operation } from '../operation/model.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';

/**
 * Returns the operations of the projects in a domain whose deletion was requested. For each project
 * without such an operation, also returns the cleanups of the project. If the project is protected,
 * the reason is returned, too. The propagator's own project is not known here. The protection of
 * this project is checked when its operation begins.
 */
export async function domainProgress(
  { id, scope, projects = [], children: openedOperationIds }: Operation,
  {
    engine,
    protectedIds,
  }: { readonly engine: Engine; readonly protectedIds: Pick<Protection, 'projects' | 'domains'> },
): Promise<DomainProgress> {
  const children = await engine.reads.operations({ parentId: id, limit: 10_000 });
  const openedProjectIds = new Set(
    children
      .filter((child) => openedOperationIds.includes(child.id))
      .map((child) => child.scope.id as string),
  );
  const allCleanupsByProject = new Map<ProjectId, readonly Operation[]>();
  const protectionReasonByProject = new Map<ProjectId, string>();
  for (const project of projects) {
    if (openedProjectIds.has(project.id)) continue;
    const operations = await engine.reads.operationsAbout('project', project.id);
    allCleanupsByProject.set(project.id, cleanupsOf(operations));
    const { name } = project;
    const reason = protectedBecause(
      {
        type: 'project',
        id: project.id,
        domainId: scope.id,
        ...(name === undefined ? {} : { name }),
      },
      { ...protectedIds, ownProject: '' },
    );
    if (reason !== undefined) protectionReasonByProject.set(project.id, reason);
  }
  return { children, allCleanupsByProject, protectionReasonByProject };
}
