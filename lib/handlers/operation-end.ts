import type { OperationId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import { recordProvisioned, removeProvisionRecords } from './provision-store.ts';
import { recordRates } from './rates.ts';
import { removeSuspensionRecords } from './suspension-store.ts';
import { removeUserRecords } from './user-task.ts';

/**
 * Updates the stored records of an account after one of its operations has ended:
 *
 * - after an operation on a user, removes the records of the user that are no longer needed;
 * - after a provision that finished, records that the project was provisioned;
 * - after the cleanup of a project has ended as `finished` or `unverified`, removes the suspension
 *   and provision records of the project, because the project no longer exists. Also records how
 *   fast the services removed the resources of the project.
 */
export async function updateAccountRecords(
  id: OperationId,
  { engine, now }: { readonly engine: Pick<Engine, 'reads' | 'commit'>; now(): number },
): Promise<void> {
  const operation = await engine.reads.operation(id);
  if (operation?.scope.type === 'user') await removeUserRecords(operation, engine);
  if (operation?.scope.type !== 'project') return;
  const { action, lifecycle, scope, state } = operation;
  if (state !== 'finished' && state !== 'unverified') return;
  if (action === 'provision' && lifecycle?.provision) {
    const { profile } = lifecycle.provision;
    const provisioned = { project: scope.id, profile, operationId: id, at: now() };
    await recordProvisioned(provisioned, engine);
  }
  if (action !== 'cleanup') return;
  await recordRates(await engine.reads.tasks(id), engine);
  await removeSuspensionRecords(scope.id, engine);
  await removeProvisionRecords(scope.id, engine);
}
