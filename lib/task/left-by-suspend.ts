import type { ProjectId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import { reportOf } from '../shared/errors.ts';
import type { ProjectContext } from './context.ts';
import { ownershipOf } from './safety-rules.ts';
import type { Service } from './service.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/**
 * Lists the resources of each entry of `leftBySuspend` that has `warns`. A suspension cannot change
 * these resources. They act or expire during the suspension, for example leases. Returns one
 * condition for each type of which the project has resources. A failed listing must not stop the
 * suspension, so it becomes a condition, too.
 */
export async function leftBySuspendWarnings(
  { name, leftBySuspend, resourceTypes }: Service,
  context: ProjectContext,
): Promise<Condition[]> {
  const types = leftBySuspend.flatMap(({ types: names, warns }) =>
    warns
      ? resourceTypes
          .filter((type) => names.some((one) => type.name === `${name}.${one}`))
          .map((type) => ({ type, warns }))
      : [],
  );
  const conditions = types.map(async ({ type, warns }): Promise<Condition[]> => {
    const conditionFields = {
      class: 'Unsupported',
      resourceType: type.name,
      actor: 'operator',
    } as const;
    try {
      const { resources, total } = await type.list(contextWithoutDeletion(context));
      const ownResources = resources.filter(
        (resource) => ownershipOf(resource, context.project as ProjectId) === 'ours',
      );
      const [first] = ownResources;
      if (!first) return [];
      return [
        {
          ...conditionFields,
          ...warns,
          count: total ?? ownResources.length,
          example: first.label ?? first.id,
        },
      ];
    } catch (thrown) {
      const { region } = context;
      const { message: reason } = reportOf(thrown, {
        code: `${type.name}.list`,
        service: name,
        region,
      });
      const message = `it is unknown whether the project has resources of this type: ${reason}`;
      return [{ ...conditionFields, message, advice: warns.advice, count: 1 }];
    }
  });
  return (await Promise.all(conditions)).flat();
}
