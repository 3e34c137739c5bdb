import type { Message } from '../../../events/index.ts';
import { taskDeps } from '../../../lib/app/lambda/task-deps.ts';
import type { LambdaContext } from '../../../lib/engine/aws/lambda/context.ts';
import { topologyOf } from '../../../lib/engine/aws/topology.ts';
import { runTask } from '../../../lib/handlers/task.ts';
import type { TaskDeps } from '../../../lib/handlers/task-deps.ts';
import { defineService } from '../../../lib/task/service.ts';
import { operation, requested, task } from '../../engine/samples.ts';

const service = defineService({
  name: 'nova',
  catalogTypes: ['compute'],
  noProjectResources: 'a test',
});

/** A run in a cloud that accepts every call and answers none. */
async function runOf(maxRunMillis: number): Promise<Message[]> {
  const committed: Message[] = [];
  const message = requested('nova');
  const deps = {
    engine: {
      reads: {
        stopDecision: async () => undefined,
        operation: async () => operation({}),
        task: async () => task(message.data.operationId, 'nova', { run: message.data.run }),
      },
      commit: async ({ messages }: { messages: Message[] }) => {
        committed.push(...messages);
        return 'committed';
      },
    },
    cloud: { keystone: { show: () => new Promise(() => undefined) } },
    mode: 'enforce',
    maxRunMillis,
    now: Date.now,
  } as unknown as TaskDeps;
  await runTask(service, [{ message, receiveCount: 1 }], deps);
  return committed;
}

describe('a run that does not end', () => {
  it('is reported as a service that does not answer, so the run is requested again', async () => {
    const { data } = requested('nova');
    expect(await runOf(20)).toMatchObject([
      {
        type: 'service.progressed',
        data: {
          run: data.run,
          sequence: 0,
          again: { error: { code: 'nova.slow', class: 'Transient', service: 'nova' } },
        },
      },
    ]);
  });

  it('is reported before the function is killed, and after its last removal has had time to end', () => {
    const { budgetMillis, maxRunMillis } = taskDeps({ settings: {}, cloud: {} } as LambdaContext);
    const [, , nova] = topologyOf('propagator-test', ['nova']).queues;
    expect(maxRunMillis).toBeLessThanOrEqual((nova?.functionTimeoutSeconds ?? 0) * 1000 - 20_000);
    expect(maxRunMillis).toBeGreaterThan(budgetMillis + 60_000);
  });
});
