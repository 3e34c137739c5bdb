import type { Message } from '../../../events/index.ts';
import { type HttpTaskDeps, runHttpTask } from '../../../lib/handlers/http-task.ts';
import { runTask } from '../../../lib/handlers/task.ts';
import type { TaskDeps } from '../../../lib/handlers/task-deps.ts';
import type { Operation, Task } from '../../../lib/operation/model.ts';
import { defineService } from '../../../lib/task/service.ts';
import { operation, requested, task } from '../../engine/samples.ts';

const service = defineService({
  name: 'nova',
  catalogTypes: ['compute'],
  noProjectResources: 'a test',
});
const message = requested('nova', 2);
const { data } = message;
const endedAt = 1_700_000_000_500;

/** The stored records, and the results of a delivery: the messages and the revoked roles. */
interface World {
  readonly stored: { readonly operation: Operation | undefined; readonly task: Task | undefined };
  readonly committed: Message[];
  readonly revokedRoles: string[];
}

const worldOf = (fields: Partial<Operation>, taskFields: Partial<Task> = {}): World => ({
  stored: {
    operation: operation({ id: data.operationId, ...fields }),
    task: task(data.operationId, 'nova', { run: 2, ...taskFields }),
  },
  committed: [],
  revokedRoles: [],
});

/** The deps of both handlers. The role on the project is stored, as if a run had assigned it. */
const depsOf = ({ stored, committed, revokedRoles }: World) => ({
  engine: {
    reads: {
      operation: async () => stored.operation,
      task: async () => stored.task,
      stopDecision: async () => undefined,
      documents: async (_collection: string, _partition: string, id: string) => [
        { id, version: 1, value: { roles: ['admin-id'] } },
      ],
    },
    commit: async ({ messages = [] }: { messages?: readonly Message[] }) => {
      committed.push(...messages);
      return 'committed' as const;
    },
  },
  cloud: {
    keystone: { show: () => Promise.reject(new Error('no answer in this test')) },
    projectAdmin: {
      revokeRoles: async (_project: string, roles: readonly string[]) => {
        revokedRoles.push(...roles);
      },
    },
  },
  mode: 'enforce',
  now: () => endedAt,
});

const handlers: readonly [name: string, deliver: (world: World) => Promise<void>][] = [
  [
    'a service file',
    (world) =>
      runTask(service, [{ message, receiveCount: 1 }], depsOf(world) as unknown as TaskDeps),
  ],
  [
    'an HTTP plugin',
    (world) =>
      runHttpTask(
        { name: 'nova', url: 'http://127.0.0.1:1/', actions: ['suspend', 'resume'] },
        [{ message, receiveCount: 1 }],
        depsOf(world) as unknown as HttpTaskDeps,
      ),
  ],
];

describe.each(handlers)('a requested run of %s', (_name, deliver) => {
  it('leads to a report while it is the current run of its task', async () => {
    const world = worldOf({ state: 'running' });
    await deliver(world);
    expect(world.committed).toMatchObject([{ data: { taskId: data.taskId, run: 2 } }]);
  });

  it.each<[string, World]>([
    ['the task has a newer run', worldOf({ state: 'running' }, { run: 3 })],
    ['the task has ended', worldOf({ state: 'running' }, { state: 'finished', endedAt })],
    ['the operation is canceled', worldOf({ state: 'canceled', endedAt })],
    [
      'a later operation superseded the suspend',
      worldOf({ action: 'suspend', state: 'superseded', endedAt }),
    ],
    [
      'the task is not stored',
      { ...worldOf({}), stored: { operation: operation(), task: undefined } },
    ],
  ])('leads to no report and no change if %s', async (_because, world) => {
    await deliver(world);
    expect(world).toMatchObject({ committed: [], revokedRoles: [] });
  });

  it('leads to a report if the cleanup has ended with an open task', async () => {
    const world = worldOf({ state: 'unverified', endedAt });
    await deliver(world);
    expect(world.committed).toHaveLength(1);
  });
});

it('revokes the role on the project if a later operation superseded the resume', async () => {
  const world = worldOf({ action: 'resume', state: 'superseded', endedAt });
  const [[, deliver] = [], [, deliverToPlugin] = []] = handlers;
  await deliverToPlugin?.(world);
  expect(world.revokedRoles).toEqual([]);
  await deliver?.(world);
  expect(world).toMatchObject({ committed: [], revokedRoles: ['admin-id'] });
});
