import type * as z from 'zod';
import { table, timeText, wrapText } from '../output.ts';
import type { QuarantineShape, StatusShape, StopShape } from '../shapes.ts';

/** The quarantine as a table, newest first. */
export function showQuarantine({ total, records }: z.infer<typeof QuarantineShape>): string {
  if (total === 0) return 'The quarantine is empty.';
  const rows = records.map(({ receivedAt, source, bytes, reason }) => [
    timeText(receivedAt),
    source,
    bytes,
    reason.slice(0, 90),
  ]);
  return (
    `${total} notification${total === 1 ? '' : 's'} in quarantine, newest first\n` +
    `${table(['RECEIVED', 'SOURCE', 'BYTES', 'REASON'], rows, ['BYTES'])}`
  );
}

/** A stop of all destructive work, with the command that ends it. */
const stopText = ({ by, reason = '', at }: z.infer<typeof StopShape>): string =>
  `ALL DESTRUCTIVE WORK IS STOPPED since ${timeText(at)} by ${by}: ${reason}\n` +
  'To continue: propagator resume-all --reason "…"';

/** `last received` for `lastReceivedAt`. */
const fieldInWords = (field: string): string =>
  field.replace(/At$/, '').replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`);

/**
 * Returns a field of the health as text. Its value may have any form, because an API of a later
 * release may have other fields.
 */
function valueText(field: string, value: unknown): string {
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return numberText(field, value);
  if (Array.isArray(value)) return listText(value.map((one) => valueText('', one)));
  if (typeof value !== 'object' || value === null) return String(value);
  const fields = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return listText(fields.map(([name, inner]) => `${fieldInWords(name)} ${valueText(name, inner)}`));
}

/** Returns a number as text, or as a time if the field is `since` or its name ends with `At`. */
const numberText = (field: string, value: number): string =>
  /(?:At|^since)$/.test(field) ? timeText(value) : String(value);

const listText = (parts: readonly string[]): string => parts.join(', ') || 'none';

/** Health, queues and counters as tables. */
export function showStatus(status: z.infer<typeof StatusShape>): string {
  const { accounts, suspicious, enabledDuringHold, counters, queues, stopped, ...health } = status;
  const healthRows = Object.entries(health)
    .filter(([, value]) => value !== undefined)
    .map(([part, value]) => [fieldInWords(part), wrapText(valueText(part, value), '')]);
  const queueRows = Object.entries(queues).map(([queue, { ready, delayed, active, dead }]) => [
    queue,
    ready,
    delayed,
    active,
    dead,
  ]);
  const suspiciousText =
    suspicious === 0 ? 'none' : `${suspicious} held; list them: propagator suspicious list`;
  const enabledText =
    enabledDuringHold === 0
      ? 'none'
      : `${enabledDuringHold} held suspended; list them: propagator hold list`;
  return [
    ...(stopped ? [stopText(stopped)] : []),
    table(
      ['PART', 'STATE'],
      [
        ...healthRows,
        ['accounts in the inventory', accounts],
        ['suspicious deletions', suspiciousText],
        ['projects enabled in Keystone during a hold', enabledText],
      ],
    ),
    table(['QUEUE', 'READY', 'DELAYED', 'ACTIVE', 'DEAD'], queueRows, [
      'READY',
      'DELAYED',
      'ACTIVE',
      'DEAD',
    ]),
    table(['COUNTER', 'NUMBER'], Object.entries(counters).sort(), ['NUMBER']),
  ].join('\n\n');
}
