import type { ServiceRequested } from '../../events/service.ts';
import type { Engine } from '../engine/port.ts';
import type { Operation } from '../operation/model.ts';
import { suspendsAndResumesOf } from '../operation/operation-history.ts';
import type { UserContext } from '../task/context.ts';
import type { RunReport } from '../task/run.ts';
import type { Service } from '../task/service.ts';
import { reportUserResources } from '../task/user-report-run.ts';
import { removeSuspensionRecords, suspensionStore } from './suspension-store.ts';

/**
 * Returns the partition of a user's records. The prefix separates the user from a project with the
 * same id.
 */
export const userPartition = (user: string): string => `user/${user}`;

/**
 * Runs one service of an operation that suspends or resumes a user. The run only lists the
 * resources that depend on the user. Throws `TypeError` for any other action.
 */
export function runUserLifecycle(
  service: Service,
  { region }: ServiceRequested['data'],
  { action, id }: Operation,
  context: UserContext,
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<RunReport> {
  if (action !== 'suspend' && action !== 'resume')
    throw new TypeError(`${id}: ${action} of a user is not known`);
  const place = { partition: userPartition(context.user), service: service.name, region };
  return reportUserResources({
    service: service.name,
    reportTypes: service.userReports,
    action,
    context,
    suspensionRecords: suspensionStore(place, engine),
  });
}

/**
 * Removes the suspension records of a user after a cleanup, or after a resume has compared the
 * records with new listings. If a newer suspend or resume has followed, the newer one needs the
 * records, so they are kept.
 */
export async function removeUserRecords(
  { action, id, scope, state }: Operation,
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const isCleaned = action === 'cleanup' && (state === 'finished' || state === 'unverified');
  const isCompared = action === 'resume' && state === 'observed';
  if (scope.type !== 'user' || (!isCleaned && !isCompared)) return;
  const [newest] = suspendsAndResumesOf(await engine.reads.operationsAbout('user', scope.id));
  if (isCompared && newest?.id !== id) return;
  await removeSuspensionRecords(userPartition(scope.id), engine);
}
