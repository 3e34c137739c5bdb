import * as fc from 'fast-check';
import type { NotificationReceived } from '../../../events/notification.ts';
import type { Change, Engine } from '../../../lib/engine/port.ts';
import { ingest } from '../../../lib/handlers/ingest.ts';
import { createBatchStorer } from '../../../lib/relay/store.ts';
import { runs } from '../../property/runs.ts';
import { cadf, IngestFixture, project, silentLog } from '../account/ingest-fixture.ts';

const GIVE_UP_MILLIS = 50;

/** The store of a relay in the same process as ingest, on the in-memory engine. */
class StoreFixture extends IngestFixture {
  /** The calls of the engine, in order. */
  readonly engineCalls: string[] = [];
  readonly stopping = new AbortController();
  /** Replaces the ingestion of a batch. */
  ingestBatch = (messages: readonly NotificationReceived[]): Promise<void> =>
    ingest(
      messages.map((message) => ({ message, receiveCount: 1 })),
      this.depsWithCallLog,
    );
  readonly #reads: Engine['reads'] = {
    ...this.engine.reads,
    hasUnfinished: (queue) => {
      this.engineCalls.push('hasUnfinished');
      return this.engine.reads.hasUnfinished(queue);
    },
  };
  readonly #engine: Pick<Engine, 'reads' | 'commit'> = {
    reads: this.#reads,
    commit: (change: Change) => {
      this.engineCalls.push('commit');
      return this.engine.commit(change);
    },
  };
  readonly depsWithCallLog = { ...this.deps, engine: this.#engine };
  readonly #store = createBatchStorer({
    engine: this.#engine,
    ingest: (messages) => this.ingestBatch(messages),
    stopping: this.stopping.signal,
    log: silentLog,
    now: () => this.engine.time,
    giveUpMillis: GIVE_UP_MILLIS,
  });

  store(...bodies: string[]): Promise<void> {
    return this.#store(bodies.map((body) => this.received(body)));
  }
  get queued(): number {
    return this.engine.waiting.filter(({ queue }) => queue === 'ingest').length;
  }
  /** Delivers the queue as a worker does: a batch first, and after a failure one by one. */
  async deliverQueue(): Promise<void> {
    const due = this.engine.waiting.filter(
      ({ queue, dueAt }) => queue === 'ingest' && dueAt <= this.engine.time,
    );
    const messages = due.flatMap(({ message }) =>
      message.type === 'notification.received' ? [message] : [],
    );
    await this.ingestBatch(messages).catch(async () => {
      for (const message of messages) await this.ingestBatch([message]).catch(() => undefined);
    });
    for (const waiting of due) this.engine.removeDelivered(waiting);
  }
}

const creationOf = (id: string, messageId?: string) =>
  cadf('identity.project.created', id, { messageId });
const deletionOf = (id: string) => cadf('identity.project.deleted', id);
const failIngestion = () => Promise.reject(new Error('the database does not answer'));

function newFixture(...ids: string[]): StoreFixture {
  const fixture = new StoreFixture();
  for (const id of ids) fixture.keystone.put(project(id));
  return fixture;
}

describe('the store of a relay', () => {
  it('ingests a batch in one commit, and checks the queue once', async () => {
    const fixture = newFixture('a', 'b', 'c');
    await fixture.store(creationOf('a'), creationOf('b'));
    await fixture.store(creationOf('c'));
    expect(fixture.engineCalls).toEqual(['hasUnfinished', 'commit', 'commit']);
    expect(fixture.queued).toBe(0);
    expect(fixture.eventTexts).toHaveLength(3);
  });

  it('queues a batch behind notifications that wait, and ingests at once when none waits', async () => {
    const fixture = newFixture('a', 'b', 'c');
    await fixture.engine.commit({ messages: [fixture.received(creationOf('a'))] });
    await fixture.store(creationOf('b'));
    expect(fixture.queued).toBe(2);
    await fixture.deliverQueue();
    fixture.engine.time += 1_000;
    await fixture.store(creationOf('c'));
    expect(fixture.queued).toBe(0);
    expect(fixture.eventTexts).toEqual(
      ['a', 'b', 'c'].map((id) => `account.project.created project ${id}`),
    );
  });

  it('checks a queue that is not empty once a second, for any number of batches', async () => {
    const fixture = newFixture();
    await fixture.engine.commit({ messages: [fixture.received(creationOf('a'))] });
    for (let batch = 0; batch < 50; batch += 1) await fixture.store(creationOf(`b${batch}`));
    expect(fixture.engineCalls.filter((call) => call === 'hasUnfinished')).toHaveLength(1);
    expect(fixture.queued).toBe(51);
  });

  it('puts one unreadable notification of a batch in quarantine, and ingests the others', async () => {
    const fixture = newFixture('a', 'b');
    await fixture.store(creationOf('a'), 'not JSON', creationOf('b'));
    expect(fixture.engine.quarantineRecords.map(({ body }) => body)).toEqual(['not JSON']);
    expect(fixture.eventTexts).toHaveLength(2);
    expect(fixture.queued).toBe(0);
  });

  it('queues a batch that was not ingested, and one poison notification stops no other', async () => {
    const fixture = newFixture('a', 'b', 'c');
    const originalIngest = fixture.ingestBatch;
    fixture.ingestBatch = (messages) =>
      messages.some(({ data }) => data.body.includes('poison'))
        ? failIngestion()
        : originalIngest(messages);
    await fixture.store(creationOf('a'), creationOf('poison'), creationOf('b'));
    await fixture.store(creationOf('c'));
    expect(fixture.queued).toBe(4);
    await fixture.deliverQueue();
    expect(fixture.eventTexts).toEqual(
      ['a', 'b', 'c'].map((id) => `account.project.created project ${id}`),
    );
  });

  it('fails when neither the ingestion nor the queue can store, so that nothing is acknowledged', async () => {
    const fixture = newFixture('a');
    fixture.ingestBatch = failIngestion;
    fixture.engine.commit = failIngestion;
    await expect(fixture.store(creationOf('a'))).rejects.toThrow('the database does not answer');
    expect(fixture.queued).toBe(0);
  });

  it('announces a change once when the process ends between the commit and the acknowledgment', async () => {
    const fixture = newFixture('a');
    const body = creationOf('a');
    await fixture.store(body);
    await fixture.store(body);
    expect(fixture.eventTexts).toEqual(['account.project.created project a']);
    expect(fixture.counter('notification.duplicate')).toBe(1);
  });

  it('announces a change once when a batch holds its notification twice', async () => {
    const fixture = newFixture('a');
    const body = creationOf('a', 'twice');
    await fixture.store(body, body);
    expect(fixture.eventTexts).toEqual(['account.project.created project a']);
  });

  it('announces a change once when the answer to a commit was lost', async () => {
    const fixture = newFixture('a');
    const originalIngest = fixture.ingestBatch;
    fixture.ingestBatch = async (messages) => {
      await originalIngest(messages);
      fixture.ingestBatch = originalIngest;
      throw new Error('the connection was lost');
    };
    await fixture.store(creationOf('a'));
    await fixture.deliverQueue();
    expect(fixture.eventTexts).toEqual(['account.project.created project a']);
  });

  it('queues the batches after one that took long, so that the broker holds none for long', async () => {
    const fixture = newFixture('a', 'b');
    const originalIngest = fixture.ingestBatch;
    fixture.ingestBatch = async (messages) => {
      fixture.engine.time += 1_001;
      await originalIngest(messages);
    };
    await fixture.store(creationOf('a'));
    await fixture.store(creationOf('b'));
    expect(fixture.queued).toBe(1);
  });

  it('ingests the others of a batch with a notification that is nested too deeply', async () => {
    const fixture = newFixture('a', 'b');
    const poison = `{"event_type":"identity.project.deleted","payload":{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`;
    await fixture.store(creationOf('a'), poison, creationOf('b'));
    expect(fixture.engine.quarantineRecords.map(({ body }) => body)).toEqual([poison]);
    expect(fixture.eventTexts).toHaveLength(2);
  });

  it('queues a batch whose ingestion hangs, and announces its changes once', async () => {
    const fixture = newFixture('a');
    const originalIngest = fixture.ingestBatch;
    const hanging = Promise.withResolvers<void>();
    fixture.ingestBatch = async (messages) => {
      await hanging.promise;
      await originalIngest(messages);
    };
    await fixture.store(creationOf('a', 'once'));
    expect(fixture.queued).toBe(1);
    fixture.ingestBatch = originalIngest;
    await fixture.deliverQueue();
    hanging.resolve();
    await fixture.store(creationOf('a', 'once'));
    expect(fixture.eventTexts).toEqual(['account.project.created project a']);
  });

  it('queues the batches after one whose ingestion hangs', async () => {
    const fixture = newFixture('a', 'b');
    const originalIngest = fixture.ingestBatch;
    fixture.ingestBatch = () => new Promise(() => undefined);
    await fixture.store(creationOf('a'));
    fixture.ingestBatch = originalIngest;
    await fixture.store(creationOf('b'));
    expect(fixture.queued).toBe(2);
    expect(fixture.eventTexts).toEqual([]);
  });

  it('begins no ingestion once the process stops', async () => {
    const fixture = newFixture('a');
    let begun = 0;
    fixture.ingestBatch = async () => {
      begun += 1;
    };
    fixture.stopping.abort();
    await expect(fixture.store(creationOf('a'))).rejects.toThrow('aborted');
    expect(begun).toBe(0);
  });

  it('drops a batch at once when the process stops', async () => {
    const fixture = newFixture('a');
    fixture.ingestBatch = () => new Promise(() => undefined);
    const storing = fixture.store(creationOf('a'));
    fixture.stopping.abort();
    await expect(storing).rejects.toThrow('aborted');
    expect(fixture.queued).toBe(0);
  });
});

/**
 * The outcome of a batch. `committed`: the ingestion commits, but reports a failure. `lost`: the
 * process ends after the commit and before the acknowledgment. `after-queue`: the queue is
 * delivered before the batch.
 */
const batchOutcome = fc.constantFrom(
  'stored',
  'stored',
  'fails',
  'committed',
  'lost',
  'after-queue',
);

it('any batches with any failures announce every change once and in order', async () => {
  const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 5 }), batchOutcome), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(sizes, async (batches) => {
      const ids = Array.from({ length: 8 }, (_, index) => `p${index}`);
      const fixture = newFixture(...ids);
      const originalIngest = fixture.ingestBatch;
      let waiting = [...ids.map((id) => creationOf(id)), ...ids.map(deletionOf)];
      for (const [size, outcome] of [...batches, [16, 'stored'] as const]) {
        fixture.ingestBatch = outcome === 'fails' ? failIngestion : originalIngest;
        if (outcome === 'committed')
          fixture.ingestBatch = (messages) =>
            messages.length > 1
              ? originalIngest(messages).then(failIngestion)
              : originalIngest(messages);
        if (outcome === 'after-queue') await fixture.deliverQueue();
        await fixture.store(...waiting.slice(0, size));
        // A lost acknowledgment: the broker delivers the batch again.
        if (outcome !== 'lost') waiting = waiting.slice(size);
        fixture.engine.time += 600;
      }
      fixture.ingestBatch = originalIngest;
      await fixture.deliverQueue();
      for (const id of ids)
        expect(fixture.eventTexts.filter((line) => line.endsWith(` ${id}`))).toEqual([
          `account.project.created project ${id}`,
          `account.project.deleted project ${id}`,
        ]);
    }),
    { numRuns: runs(100) },
  );
});
