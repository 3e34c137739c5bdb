import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import { awaited } from '../../dependencies.ts';
import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

const BACKUP = 'volumes.backup/target-0';

/** A deleted project whose objects may be the data of its backups, as in Swift. */
export async function deletedWithBackups() {
  const simulation = new StatefulSimulation(
    [
      { name: 'volumes', resourceTypes: { backup: 'A' } },
      {
        name: 'store',
        resourceTypes: { object: 'A' },
        dependsOn: [awaited('volumes.backup')],
      },
    ],
    2,
    0,
  );
  const hold = (id: string) =>
    ({ target: 'resource', id, by: 'ann', reason: 'lawsuit', at: 0 }) as const;
  simulation.cloud.delete(TARGET);
  await simulation.handle(deleted('project', TARGET));
  return {
    simulation,
    volumes: () => [...simulation.engine.tasks.values()].find((one) => one.service === 'volumes'),
    addHold: (id = BACKUP) =>
      simulation.engine.commit({
        documents: [deletionHoldDocument('resource', id, 0, hold(id))],
      }),
    endHold: () =>
      simulation.engine.commit({
        documents: [deletionHoldDocument('resource', BACKUP, 1, undefined)],
      }),
  };
}
