import * as z from 'zod';
import { TaskId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import { type MeasuredTasks, measuredTasksOf } from '../operation/estimate.ts';
import type { Task } from '../operation/model.ts';

const StoredRates = z.looseObject({
  measured: z.array(z.looseObject({ taskId: TaskId, resources: z.number(), millis: z.number() })),
});
const RATES_KEY = { collection: 'rate', partition: 'cleanup' } as const;
/** The store keeps the measurements of this number of tasks for each service. */
const MAX_KEPT_MEASUREMENTS = 20;
/**
 * Another operation may end at the same time and write the same document. If all attempts fail, the
 * measurements are lost. The loss only makes an estimate less accurate.
 */
const MAX_ATTEMPTS = 5;

/** Returns how fast earlier cleanups of this installation removed the resources of each service. */
export async function readRates({ reads }: Pick<Engine, 'reads'>): Promise<MeasuredTasks> {
  const documents = await reads.documents(RATES_KEY.collection, RATES_KEY.partition);
  return new Map(documents.map(({ id, value }) => [id, StoredRates.parse(value).measured]));
}

/**
 * Stores how fast the tasks of an ended cleanup removed resources. A repeated call stores each task
 * only once.
 */
export async function recordRates(
  tasks: readonly Task[],
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const measurements = measuredTasksOf(tasks);
  for (let attempts = 0; measurements.length > 0 && attempts < MAX_ATTEMPTS; attempts += 1) {
    const documents = await engine.reads.documents(RATES_KEY.collection, RATES_KEY.partition);
    const writtenDocuments = [...Map.groupBy(measurements, ({ service }) => service)].map(
      ([id, measured]) => {
        const document = documents.find((one) => one.id === id);
        const value = { measured: newestMeasurements(document?.value, measured) };
        return { ...RATES_KEY, id, version: document?.version ?? 0, value };
      },
    );
    if ((await engine.commit({ documents: writtenDocuments })) === 'committed') return;
  }
}

/** Returns the newest measurements of a service: the stored ones, then the added ones. */
function newestMeasurements(storedValue: unknown, added: ReturnType<typeof measuredTasksOf>) {
  const storedMeasurements =
    storedValue === undefined ? [] : StoredRates.parse(storedValue).measured;
  const addedIds = new Set(added.map(({ taskId }) => taskId));
  const keptMeasurements = storedMeasurements.filter(({ taskId }) => !addedIds.has(taskId));
  return [...keptMeasurements, ...added.map(({ service: _, ...measured }) => measured)].slice(
    -MAX_KEPT_MEASUREMENTS,
  );
}
