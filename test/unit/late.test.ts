import type { Message } from '../../events/index.ts';
import { passPorts } from '../../functions/aws/pass-ports.ts';
import { type ServicePorts, serve } from '../../functions/service.ts';
import { defineService } from '../../lib/cleanup/service.ts';
import type { Warm } from '../../lib/engine/aws/function/warm.ts';
import { topologyOf } from '../../lib/engine/aws/topology.ts';
import { operation, requested, task } from '../engine/samples.ts';

const service = defineService({ name: 'nova', catalogTypes: ['compute'], holdsNothing: 'a test' });

/** A pass of a cloud that takes every call and answers none. */
async function passOf(lateMillis: number): Promise<Message[]> {
  const committed: Message[] = [];
  const message = requested('nova');
  const ports = {
    engine: {
      reads: {
        operation: async () => operation({}),
        task: async () => task(message.data.operationId, 'nova', { pass: message.data.pass }),
      },
      commit: async ({ messages }: { messages: Message[] }) => {
        committed.push(...messages);
        return 'committed';
      },
    },
    mode: 'enforce',
    protection: () => new Promise(() => undefined),
    lateMillis,
    now: Date.now,
  } as unknown as ServicePorts;
  await serve(service, [{ message, receiveCount: 1 }], ports);
  return committed;
}

describe('a pass that does not end', () => {
  it('is told as a service that does not answer, and so is asked for again', async () => {
    const { data } = requested('nova');
    expect(await passOf(20)).toMatchObject([
      {
        type: 'service.progressed',
        data: { pass: data.pass, sequence: 0, again: { error: { code: 'nova.slow', class: 'Transient', service: 'nova' } } },
      },
    ]);
  });

  it('is told before the function is killed, and after the last call of a removal that it began in its budget may have ended', () => {
    const { budgetMillis, lateMillis } = passPorts({ settings: {}, cloud: {} } as Warm);
    const [, , nova] = topologyOf('propagator-test', ['nova']).queues;
    expect(lateMillis).toBeLessThanOrEqual((nova?.functionSeconds ?? 0) * 1000 - 20_000);
    expect(lateMillis).toBeGreaterThan(budgetMillis + 60_000);
  });
});
