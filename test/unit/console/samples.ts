import { DomainId, OperationId, ProjectId, ResourceTypeName } from '../../../events/ids.ts';
import { operationView as view } from '../../../lib/operation/view.ts';
import { operation, task } from '../../engine/samples.ts';

export const OPENED_AT = 1_800_000_000_000 - 90_000;
export const ID = OperationId.parse('op-0123456789ab');

/** An operation as the API answers it, made by the code of the API itself. */
export function operationView(
  name = 'shop',
  fields: Parameters<typeof operation>[0] = {},
  tasks: Parameters<typeof task>[2][] = [{}],
) {
  const opened = operation({
    id: ID,
    state: 'running',
    openedAt: OPENED_AT,
    scope: { type: 'project', id: ProjectId.parse('p1'), name, domainId: DomainId.parse('d1') },
    ...fields,
  });
  return JSON.parse(
    JSON.stringify(
      view({
        operation: opened,
        tasks: tasks.map((more, index) =>
          task(opened.id, index === 0 ? 'nova' : `service${index}`, {
            state: 'requested',
            counts: { [SERVER]: { found: 10, removed: 4, left: 6 } },
            ...more,
          }),
        ),
        now: OPENED_AT + 90_000,
        children: [],
        crashedTasks: new Set(),
        coordinatorDeadLetters: [],
      }),
    ),
  ) as unknown;
}
const SERVER = ResourceTypeName.parse('nova.server');

export const STATUS = {
  ok: true,
  mode: 'enforce',
  accounts: 12,
  suspicious: 0,
  enabledDuringHold: 0,
  counters: {},
  queues: { 'service-nova': { ready: 0, delayed: 0, active: 0, dead: 0 } },
};
