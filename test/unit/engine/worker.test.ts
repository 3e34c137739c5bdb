import { describe, expect, it } from '@jest/globals';
import type { QueueRecord } from '../../../lib/engine/handle-group.ts';
import { Worker, type WorkerSource } from '../../../lib/engine/worker.ts';
import type { ErrorReport } from '../../../lib/shared/errors.ts';
import { until } from '../../engine/engine-store.ts';
import { requested } from '../../engine/samples.ts';

/** A queue of one service with one message. Its store refuses the first results. */
class OneMessageQueue implements WorkerSource<QueueRecord> {
  readonly results: (ErrorReport | 'completed')[] = [];
  readonly #refusals: number;
  attempts = 0;
  #received = false;

  constructor(refusals: number) {
    this.#refusals = refusals;
  }
  bodyOf = () => requested('nova');
  async receive(): Promise<readonly QueueRecord[]> {
    const records = this.#received ? [] : [{ id: 'one', receiveCount: 1 }];
    this.#received = true;
    return records;
  }
  complete = async () => this.#store('completed');
  fail = async (_: readonly QueueRecord[], error: ErrorReport) => this.#store(error);
  #store(result: ErrorReport | 'completed'): void {
    this.attempts += 1;
    if (this.attempts <= this.#refusals) throw new Error('the database does not answer');
    this.results.push(result);
  }
}

function started(source: OneMessageQueue, handler = async (): Promise<void> => undefined) {
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  return {
    warnings,
    worker: new Worker('service-nova', source, { concurrency: 1 }, handler, warn),
  };
}

describe('a worker', () => {
  it('stores a result again until the store accepts it, and then forgets the message', async () => {
    const source = new OneMessageQueue(2);
    const { worker, warnings } = started(source);
    await until('the first attempt', () => source.attempts > 0);
    expect(worker.unfinished).toHaveLength(1);
    await until('the result', () => source.results.length > 0);
    expect(source.results).toEqual(['completed']);
    const text = 'The result of 1 message of queue service-nova could not be stored yet';
    expect(warnings).toEqual([text, text]);
    expect(await worker.close(1000)).toEqual([]);
  });

  it('stores the error of a handler, with which the queue retries the message', async () => {
    const source = new OneMessageQueue(1);
    const { worker } = started(source, () => Promise.reject(new Error('nova is away')));
    await until('the result', () => source.results.length > 0);
    expect(source.results).toEqual([expect.objectContaining({ code: 'handler.failed' })]);
    expect(await worker.close(1000)).toEqual([]);
  });

  it('returns a message whose result the store refuses while the engine closes', async () => {
    const source = new OneMessageQueue(Number.POSITIVE_INFINITY);
    const { worker } = started(source);
    await until('the first attempt', () => source.attempts > 0);
    expect(await worker.close(2000)).toEqual([{ id: 'one', receiveCount: 1 }]);
    expect(source.attempts).toBe(2);
  });

  it('returns a message whose handler fails while the engine closes, and does not count it', async () => {
    const source = new OneMessageQueue(0);
    const failing = Promise.withResolvers<void>();
    let isHandling = false;
    const { worker } = started(source, () => {
      isHandling = true;
      return failing.promise;
    });
    await until('the handler', () => isHandling);
    const closing = worker.close(1000);
    failing.reject(new Error('stopped'));
    expect(await closing).toEqual([{ id: 'one', receiveCount: 1 }]);
    expect(source.attempts).toBe(0);
  });
});
