import type { ProjectId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import { type Protection, protectedBecause } from '../../lib/cleanup/laws.ts';
import { type ErrorReport, reportOf } from '../../lib/errors.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import type { Mode, Operation } from '../../lib/operation/model.ts';
import { obstacleToAct } from '../../lib/operation/obstacle.ts';
import type { Input } from '../../lib/operation/step.ts';
import { shownNow } from '../service.ts';

/** What the acts of an operation need. */
export interface ActPorts {
  readonly cloud: Cloud;
  readonly mode: Mode;
  readonly protection: () => Promise<Protection>;
}

/** Carries out what the operation stands at; an older wish is void, and while it is held a role is given back and nothing else. */
export async function act(operation: Operation, number: number, ports: ActPorts): Promise<Input | undefined> {
  const { act: due, scope, roles, state } = operation;
  if (!due || due.number !== number || due.done || scope.type !== 'project') return undefined;
  if (state === 'held' && due.what !== 'leave') return undefined;
  const { acts } = ports.cloud;
  try {
    // Before it is disabled, so that it is given back although that fails, or must not be done any more.
    if (due.what === 'disable' || due.what === 'leave') await acts.leave(scope.id, roles);
    if (due.what === 'leave') return { is: 'acted', number };
    const shown = await shownNow(operation, ports);
    const stopped = obstacleToAct(operation, due.what, ports.mode, protectedBecause(scope, await ports.protection()), shown);
    if (stopped) return { is: 'acted', number, shown, error: stoppedBy(stopped) };
    if (due.what === 'enter' && shown !== 'absent') await enter(scope.id, roles, acts);
    if (due.what === 'disable') await acts.disable(scope.id);
    if (due.what === 'delete') await acts.delete(scope.id);
    return { is: 'acted', number, shown };
  } catch (thrown) {
    return { is: 'acted', number, error: reportOf(thrown, { code: `keystone.${due.what}`, service: 'keystone' }) };
  }
}

/** Taken whole or not at all, as far as it is up to us: a person may let the operation stand for good. */
async function enter(project: ProjectId, roles: readonly string[], acts: Cloud['acts']): Promise<void> {
  try {
    await acts.enter(project, roles);
  } catch (thrown) {
    await acts.leave(project, roles).catch(() => undefined);
    throw thrown;
  }
}

const stoppedBy = ({ message, advice = '' }: Condition): ErrorReport => ({
  code: 'operation.act.stopped',
  class: 'Blocked',
  message,
  advice,
  service: 'keystone',
});
