import type * as z from 'zod';
import { duration, table, time } from '../output.ts';
import type { DeadLettersShape, QuarantineShape, StatusShape } from '../shapes.ts';

/** Grouped by cause, for one cause is mended once. */
export function showDeadLetters({ deadLetters }: z.infer<typeof DeadLettersShape>, now: number): string {
  if (deadLetters.length === 0) return 'No dead letters.';
  const groups = new Map<string, typeof deadLetters>();
  for (const letter of deadLetters) {
    const key = `${letter.queue}\u0000${letter.error?.code ?? 'gave up without a word'}`;
    groups.set(key, [...(groups.get(key) ?? []), letter]);
  }
  const rows = [...groups.values()].map((letters) => {
    const [first] = letters;
    const oldest = Math.min(...letters.map(({ at }) => at));
    const operations = [...new Set(letters.flatMap(({ message }) => message.data.operationId ?? []))];
    return [
      first?.queue.replace(/^service-/, '') ?? '',
      letters.length,
      duration(now - oldest),
      first?.error?.code ?? '-',
      operations.length > 2 ? `${operations.length} operations` : operations.join(', '),
      (first?.error?.message ?? 'the function died on it again and again').slice(0, 80),
    ];
  });
  return table(['SERVICE', 'LETTERS', 'OLDEST', 'CAUSE', 'OPERATION', 'MESSAGE'], rows, ['LETTERS']);
}

export function showQuarantine({ total, records }: z.infer<typeof QuarantineShape>): string {
  if (total === 0) return 'Nothing in quarantine.';
  const rows = records.map(({ receivedAt, source, bytes, reason }) => [time(receivedAt), source, bytes, reason.slice(0, 90)]);
  return `${total} in quarantine, newest first\n${table(['RECEIVED', 'SOURCE', 'BYTES', 'REASON'], rows, ['BYTES'])}`;
}

export function showStatus(status: z.infer<typeof StatusShape>): string {
  const { accounts, counters, queues, ...health } = status;
  const lines = Object.entries(health).map(([part, value]) => [part, typeof value === 'object' ? JSON.stringify(value) : String(value)]);
  const depths = Object.entries(queues).map(([queue, { ready, delayed, active, dead }]) => [queue, ready, delayed, active, dead]);
  return [
    table(['PART', 'STATE'], [...lines, ['inventory', `${accounts} accounts`]]),
    table(['QUEUE', 'READY', 'DELAYED', 'ACTIVE', 'DEAD'], depths, ['READY', 'DELAYED', 'ACTIVE', 'DEAD']),
    table(['COUNTER', 'NUMBER'], Object.entries(counters).sort(), ['NUMBER']),
  ].join('\n\n');
}
