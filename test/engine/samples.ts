import { randomBytes } from 'node:crypto';
import { DomainId, OperationId, ProjectId, ServiceName, TaskId, UserId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import type { ServiceRequested } from '../../events/service.ts';
import type { AccountRecord, QuarantineRecord } from '../../lib/account/inventory.ts';
import type { Operation, Task } from '../../lib/operation/model.ts';
import { newOperation } from '../../lib/operation/new-operation.ts';

/** Ids that no other test uses: all tests of a suite share one store. */
export const unique = (): string => randomBytes(6).toString('hex');
export const operationId = (): OperationId => OperationId.parse(`op-${unique()}`);
export const projectId = (): ProjectId => ProjectId.parse(unique());
export const domainId = (): DomainId => DomainId.parse(unique());
export const userId = (): UserId => UserId.parse(unique());
export const queue = () => `service-t${unique()}` as const;

export const operation = (fields: Partial<Operation> = {}): Operation => ({
  ...newOperation({
    id: operationId(),
    scope: { type: 'project', id: projectId(), name: 'shop', domainId: domainId() },
    generation: 0,
    mode: 'enforce',
    cause: { messageId: unique(), eventType: 'identity.project.deleted', at: 1_700_000_000_000 },
    notBefore: 1_700_000_003_600,
    now: 1_700_000_000_123,
  }),
  ...fields,
});

export const task = (of: OperationId, service = 'nova', fields: Partial<Task> = {}): Task => ({
  id: TaskId.parse(`${of}/${service}/RegionOne`),
  operationId: of,
  service: ServiceName.parse(service),
  region: 'RegionOne',
  state: 'planning',
  phase: 'plan',
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
  progressAt: 1_700_000_000_123,
  runProgressed: false,
  totalRetryAfterMillis: 3_600_000,
  mostRemoved: { 'nova.server': 2 },
  distinctIdCounts: { 'nova.server': 3 },
  seenIds: 'AAAA',
  because: undefined,
  nextAt: undefined,
  startedAt: undefined,
  endedAt: undefined,
  version: 0,
  ...fields,
});

/** A message for the queue of a service; `run` distinguishes the messages of one test. */
export const requested = (service: string, run = 1, of = operationId()): ServiceRequested => ({
  type: 'service.requested',
  data: {
    operationId: of,
    taskId: TaskId.parse(`${of}/${service}/RegionOne`),
    service: ServiceName.parse(service),
    region: 'RegionOne',
    phase: 'apply',
    run,
    project: projectId(),
    confirmedAt: [1, 2],
    skipTypes: [],
    verifiedBeforeDeletion: [],
  },
});
/** The service whose queue {@link queue} created. */
export const serviceOf = (name: `service-${string}`): string => name.slice('service-'.length);

export const confirmation = (of: OperationId, number = 1): Message => ({
  type: 'operation.confirm',
  data: { operationId: of, confirmation: number },
});

export const project = (
  fields: Partial<AccountRecord> & { domainId?: DomainId; id?: ProjectId; name?: string } = {},
): AccountRecord => {
  const { domainId: domain, id = projectId(), name = 'shop', ...rest } = fields;
  return {
    account: { type: 'project', id, name, enabled: true, ...(domain ? { domainId: domain } : {}) },
    seenAt: 1_700_000_000_000,
    deletedAt: undefined,
    members: undefined,
    ...rest,
  };
};

let received = 1_700_000_000_000;
/** Each record has a later time than the one before. */
export const quarantined = (fields: Partial<QuarantineRecord> = {}): QuarantineRecord => ({
  id: unique(),
  reason: 'not JSON',
  body: '<xml/>',
  encoding: 'utf8',
  bytes: 6,
  source: 'http',
  receivedAt: ++received,
  ...fields,
});
