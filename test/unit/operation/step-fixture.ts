import { OperationId, ProjectId, ServiceName, TaskId } from '../../../events/ids.ts';
import type { Operation, Task } from '../../../lib/operation/model.ts';
import { newOperation } from '../../../lib/operation/new-operation.ts';
import type { StepInput } from '../../../lib/operation/transaction.ts';

/** The time at which {@link operationAt} was opened. */
export const OPENED_AT = 1_000_000;
export const INTERVAL_MILLIS = 10_000;
export const PROJECT_SCOPE = { type: 'project', id: ProjectId.parse('p1') } as const;

/** The input of `step` with settings that hold and dead-letter nothing. */
export const stepInput = (now: number): StepInput => ({
  now,
  confirmationIntervalMillis: INTERVAL_MILLIS,
  stallTimeoutMillis: 3_600_000,
  maxWaitMillis: 3_600_000,
  maxAttempts: 3,
  maxResourcesPerOperation: 1000,
  maxOperationsPerHour: 1000,
  startedLastHour: 0,
  waivers: [],
  heldTypes: [],
});

/** A cleanup of a project that waits for Keystone's first answer, with these fields. */
export const operationAt = (fields: Partial<Operation> = {}): Operation => ({
  ...newOperation({
    id: OperationId.parse('op-000000000001'),
    scope: PROJECT_SCOPE,
    generation: 1,
    mode: 'enforce',
    cause: { messageId: 'm-1', eventType: 'identity.project.deleted', at: OPENED_AT },
    notBefore: OPENED_AT,
    now: OPENED_AT,
  }),
  ...fields,
});

/** A task in its first run of phase `apply`, with these fields. */
export const runningTask = (service: string, fields: Partial<Task> = {}): Task => ({
  id: TaskId.parse(`op-000000000001/${service}/one`),
  operationId: OperationId.parse('op-000000000001'),
  service: ServiceName.parse(service),
  region: 'one',
  state: 'requested',
  phase: 'apply',
  preDelete: 'no',
  verifications: {},
  validFromRun: 0,
  overtook: [],
  run: 1,
  sequence: 0,
  counts: {},
  baseline: {},
  conditions: [],
  error: undefined,
  attempts: 0,
  progressAt: OPENED_AT,
  runProgressed: false,
  totalRetryAfterMillis: 0,
  mostRemoved: {},
  distinctIdCounts: {},
  seenIds: undefined,
  because: undefined,
  nextAt: OPENED_AT,
  startedAt: OPENED_AT,
  endedAt: undefined,
  version: 1,
  ...fields,
});
