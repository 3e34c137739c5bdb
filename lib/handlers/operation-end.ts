import type { OperationId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import { recordProvisioned, removeProvisionRecords } from './provision-store.ts';
import { recordRates } from './rates.ts';
import { removeSuspensionRecords } from './suspension-store.ts';
import { removeUserRecords } from './user-task.ts';

/**
 * Updates the stored records of an account after the end of an operation. A provision stores that
 * the project was provisioned. A cleanup removes all records of the account, because the account no
 * longer exists.
 */
export async function recordEnd(
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
