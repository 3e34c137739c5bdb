import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  defineType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../../task/service.ts';
import { epochMillisOf } from '../kit/time.ts';
import { listWithOwner, type WithOwner } from './tenant.ts';

/**
 * A removal that takes longer than this counts as stuck. The deletion of a large VNF's stack takes
 * at most an hour ([openstack_vim] stack_retries).
 */
const STUCK_AFTER_MILLIS = 3_600_000;

const instanceRow = z.object({
  id: z.string(),
  vnfInstanceName: z.string().nullish(),
  instantiationState: z.string(),
});
type InstanceRow = WithOwner<z.infer<typeof instanceRow>>;

const operationRow = z.object({
  id: z.string(),
  vnfInstanceId: z.string(),
  operation: z.string(),
  operationState: z.string(),
  startTime: z.string().nullish(),
  error: z.object({ detail: z.string().nullish() }).nullish(),
});
type LifecycleOperation = z.infer<typeof operationRow>;

const INSTANCES_PATH = '/vnflcm/v1/vnf_instances';
const OPERATIONS_PATH = '/vnflcm/v1/vnf_lcm_op_occs';

/**
 * VNF instances. A running instance is terminated by force, and a later iteration removes its
 * record. During a termination, Tacker deletes the resources with the login of their VIM, and then
 * searches for a default VIM in the caller's project. Both steps are more likely to succeed with a
 * token on the project.
 */
export const vnfInstance = defineType<InstanceRow>({
  name: 'vnf-instance',
  blockers: [
    'Tacker logs in to the VIM with stored credentials. If these credentials ended ' +
      'with the project, the termination fails.',
    'At the end of a termination Tacker searches for a default VIM in the project of the ' +
      'caller. If that project has no default VIM, the termination fails.',
    'A life-cycle operation of Tacker in state FAILED_TEMP blocks the VNF instance. The ' +
      'propagator rolls back an instantiation, and marks every other life-cycle operation as ' +
      'failed.',
  ],
  list: (context) => listWithOwner(context, INSTANCES_PATH, instanceRow),
  id: (row) => row.id,
  owner: (row) => row.owner,
  label: (row) => row.vnfInstanceName ?? undefined,
  async remove(row, context): Promise<Removal> {
    const api = context.projectApi ?? context.api;
    const instancePath = `${INSTANCES_PATH}/${encodeURIComponent(row.id)}`;
    try {
      if (row.instantiationState === 'NOT_INSTANTIATED') {
        await api.request('DELETE', instancePath);
        return { kind: 'gone' };
      }
      await api.request('POST', `${instancePath}/terminate`, {
        json: { terminationType: 'FORCEFUL' },
      });
      return { kind: 'accepted' };
    } catch (error) {
      if (!(error instanceof PropagatorError) || error.report.status !== 409) throw error;
      return removalAfterRefusal(row, error.message, api, context);
    }
  },
});

/**
 * Returns the result for an instance that Tacker refuses to remove. If the newest operation of
 * Tacker on the instance is in progress, the result is `accepted`. If that operation is in
 * FAILED_TEMP, the function ends the operation.
 */
async function removalAfterRefusal(
  row: InstanceRow,
  refusal: string,
  api: ServiceApi,
  { now }: ProjectContext,
): Promise<Removal> {
  const query = { all_records: 'yes', all_fields: 'yes', filter: `(eq,vnfInstanceId,${row.id})` };
  const { rows } = await api.list(OPERATIONS_PATH, { row: operationRow, paging: 'none', query });
  const latestOperation = rows
    .filter(({ vnfInstanceId }) => vnfInstanceId === row.id)
    .sort((a, b) => epochMillisOf(a.startTime) - epochMillisOf(b.startTime))
    .at(-1);
  if (
    latestOperation &&
    ['STARTING', 'PROCESSING', 'ROLLING_BACK'].includes(latestOperation.operationState)
  ) {
    const startedAt = epochMillisOf(latestOperation.startTime);
    return now() - startedAt > STUCK_AFTER_MILLIS
      ? { kind: 'accepted', stuckSince: startedAt }
      : { kind: 'accepted' };
  }
  if (latestOperation?.operationState === 'FAILED_TEMP')
    return endFailedOperation(latestOperation, api);
  return {
    kind: 'blocked',
    message: refusal,
    actor: 'operator',
    advice: 'Search the log of tacker-conductor for the id of this VNF instance.',
  };
}

/**
 * Ends an operation in FAILED_TEMP, which blocks all other operations on the instance. A later
 * iteration requests the removal again.
 */
async function endFailedOperation(
  operation: LifecycleOperation,
  api: ServiceApi,
): Promise<Removal> {
  const operationPath = `${OPERATIONS_PATH}/${encodeURIComponent(operation.id)}`;
  if (operation.operation === 'INSTANTIATE') {
    await api.request('POST', `${operationPath}/rollback`);
    return { kind: 'accepted' };
  }
  await api.request('POST', `${operationPath}/fail`);
  if (operation.operation !== 'TERMINATE') return { kind: 'accepted' };
  return {
    kind: 'blocked',
    message: `the termination failed: ${operation.error?.detail ?? 'Tacker gives no reason'}`,
    actor: 'operator',
    advice:
      'The propagator tries again. Check that Tacker can log in to the VIM of this ' +
      'VNF, and that the project of the caller has a default VIM (openstack vim ' +
      'list). Otherwise delete its stack in Heat and its row in the Tacker database.',
  };
}
