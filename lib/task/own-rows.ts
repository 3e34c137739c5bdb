import type { ProjectId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { ProjectContext } from './context.ts';
import { createMemoize } from './memoize.ts';
import { ownershipOf } from './safety-rules.ts';
import type { SuspensionRow, SuspensionType } from './suspension.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/**
 * Returns the rows of a type that belong to the project, and a condition if the listing also has
 * other rows (safety rule "Check the owner of every row"). Lists with an API client that cannot
 * delete.
 */
export async function listOwnRows(
  type: SuspensionType,
  context: ProjectContext,
): Promise<{ rows: SuspensionRow[]; conditions: Condition[] }> {
  // The new cache is necessary because a cached answer may be older than the last changes.
  const listed = await type.list({ ...contextWithoutDeletion(context), memoize: createMemoize() });
  const rows: SuspensionRow[] = [];
  const foreignRows: SuspensionRow[] = [];
  for (const row of listed)
    (ownershipOf(row, context.project as ProjectId) === 'ours' ? rows : foreignRows).push(row);
  const [first] = foreignRows;
  if (!first) return { rows, conditions: [] };
  const condition: Condition = {
    class: 'Blocked',
    resourceType: type.resourceType,
    message:
      'the listing showed resources that have another owner or no owner; they are not changed',
    actor: 'operator',
    advice: `Find out why ${type.resourceType} lists them for this project.`,
    count: foreignRows.length,
    example: first.id,
  };
  return { rows, conditions: [condition] };
}
