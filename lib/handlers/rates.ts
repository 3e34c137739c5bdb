import * as z from 'zod';
import { TaskId } from '../../events/ids.ts';
import type { Engine } from '../engine/port.ts';
import { type MeasuredTasks, measuredTasksOf } from '../operation/estimate.ts';
import type { Task } from '../operation/model.ts';

const Stored = z.looseObject({
  measured: z.array(z.looseObject({ taskId: TaskId, resources: z.number(), millis: z.number() })),
});
const KEY = { collection: 'rate', partition: 'cleanup' } as const;
/** The number of measured tasks that are kept for each service. */
const KEPT = 20;
/**
 * Another operation may end at the same time and write the same document. If all tries fail, the
 * measurement is lost, which is harmless.
 */
const MAX_TRIES = 5;

/** Returns the rates that earlier cleanups of this installation have measured. */
export async function readRates({ reads }: Pick<Engine, 'reads'>): Promise<MeasuredTasks> {
  const documents = await reads.documents(KEY.collection, KEY.partition);
  return new Map(documents.map(({ id, value }) => [id, Stored.parse(value).measured]));
}

/** Stores the rates of a cleanup that has ended. The call may be repeated. */
export async function recordRates(
  tasks: readonly Task[],
  engine: Pick<Engine, 'reads' | 'commit'>,
): Promise<void> {
  const measurements = measuredTasksOf(tasks);
  for (let tries = 0; measurements.length > 0 && tries < MAX_TRIES; tries += 1) {
    const stored = await engine.reads.documents(KEY.collection, KEY.partition);
    const documents = Map.groupBy(measurements, ({ service }) => service);
    const written = [...documents].map(([id, measured]) => {
      const known = stored.find((one) => one.id === id);
      const before = known ? Stored.parse(known.value).measured : [];
      const earlierMeasured = before.filter(
        (one) => !measured.some(({ taskId }) => taskId === one.taskId),
      );
      const newlyMeasured = measured.map(({ service: _, ...one }) => one);
      const value = { measured: [...earlierMeasured, ...newlyMeasured].slice(-KEPT) };
      return { ...KEY, id, version: known?.version ?? 0, value };
    });
    if ((await engine.commit({ documents: written })) === 'committed') return;
  }
}
