import type { OperationId, ProjectId } from '../../events/ids.ts';
import { sumCounts, totalCounts } from './counts.ts';
import type { Operation, OperationState, ResourceTypeCount, Task } from './model.ts';

/** One project of a domain, as the operation of the domain shows it. */
export interface ProjectView {
  readonly id: ProjectId;
  readonly name: string | undefined;
  /** The parent project, in the same domain. */
  readonly parentId: ProjectId | undefined;
  /** Absent while the project has no operation yet. */
  readonly operationId: OperationId | undefined;
  /** `protected` projects have no operation. */
  readonly state: OperationState | 'not begun' | 'protected';
  /** Absent if the domain has so many projects that the counts of this project were not read. */
  readonly resources: ResourceTypeCount | undefined;
}

/**
 * Returns the projects of a domain: first the projects of its plan in the order in which they are
 * deleted, then the other projects that have an operation.
 */
export function projectViews(
  { projects = [] }: Operation,
  children: readonly Operation[],
  tasksByOperation: ReadonlyMap<OperationId, readonly Task[]>,
): ProjectView[] {
  const childByProject = new Map(children.map((child) => [child.scope.id as string, child]));
  const plannedViews = projects.map(({ id, name, parentId, protectedBecause }): ProjectView => {
    const child = childByProject.get(id);
    const childTasks = child && tasksByOperation.get(child.id);
    return {
      id,
      name,
      parentId,
      operationId: child?.id,
      state: child?.state ?? (protectedBecause === undefined ? 'not begun' : 'protected'),
      resources: childTasks && sumCounts(childTasks.map((task) => totalCounts(task.counts))),
    };
  });
  const plannedIds = new Set<string>(projects.map(({ id }) => id));
  const otherViews = children.flatMap(({ id: operationId, scope, state }): ProjectView[] => {
    if (scope.type !== 'project' || plannedIds.has(scope.id)) return [];
    const childTasks = tasksByOperation.get(operationId);
    const resources = childTasks && sumCounts(childTasks.map((task) => totalCounts(task.counts)));
    return [{ id: scope.id, name: scope.name, parentId: undefined, operationId, state, resources }];
  });
  return [...plannedViews, ...otherViews];
}
