import type * as z from 'zod';
import { duration, table, time } from './output.ts';
import type { DeadLettersShape, OperationShape, QuarantineShape, StatusShape } from './shapes.ts';

type Colours = ReturnType<typeof import('./output.ts').colours>;

const STATE_COLOURS: Readonly<Record<string, 'green' | 'yellow' | 'red' | 'cyan' | 'dim'>> = {
  finished: 'green',
  observed: 'green',
  running: 'cyan',
  requested: 'cyan',
  surveying: 'cyan',
  confirming: 'cyan',
  waiting: 'cyan',
  held: 'yellow',
  'residue-unknown': 'yellow',
  unreachable: 'yellow',
  errored: 'red',
  refused: 'yellow',
  pending: 'dim',
  skipped: 'dim',
};

const who = ({ scope }: OperationShape['operation']): string => `${scope.type} ${scope.name ?? scope.id}`;
const lasted = ({ openedAt, endedAt }: OperationShape['operation'], now: number): string => duration((endedAt ?? now) - openedAt);
const coloured = (state: string, colour: Colours): string => colour[STATE_COLOURS[state] ?? 'dim'](state);
const firstReason = ({ operation, waitsOn }: OperationShape): string => waitsOn[0]?.on ?? operation.hold?.reason ?? '';

/** One line an operation. */
export function showOperations(operations: readonly OperationShape[], now: number, colour: Colours): string {
  if (operations.length === 0) return 'No operation yet.';
  const rows = operations.map((seen) => [
    seen.operation.id,
    who(seen.operation),
    coloured(seen.operation.state, colour),
    seen.things.found,
    seen.things.removed,
    seen.things.left,
    lasted(seen.operation, now),
    firstReason(seen).slice(0, 70),
  ]);
  return table(['OPERATION', 'ABOUT', 'STATE', 'FOUND', 'REMOVED', 'LEFT', 'FOR', 'WAITS ON'], rows, ['FOUND', 'REMOVED', 'LEFT']);
}

/** All that is known of one operation. */
export function showOperation(seen: OperationShape, now: number, colour: Colours): string {
  const { operation, tasks, waitsOn } = seen;
  const by = operation.cause.initiator ? ` by ${operation.cause.initiator.name ?? operation.cause.initiator.userId}` : '';
  const head = [
    `${colour.bold(operation.id)}  cleanup of ${who(operation)} (${operation.scope.id})`,
    `state      ${coloured(operation.state, colour)}, mode ${operation.mode}, for ${lasted(operation, now)}`,
    `because    ${operation.cause.eventType}${by}, taken in ${time(operation.openedAt)}${operation.cause.note ? `; ${operation.cause.note}` : ''}`,
    `Keystone   ${operation.confirmedAt.length > 0 ? `answered 404 at ${operation.confirmedAt.map(time).join(' and ')}` : (operation.hold?.reason ?? 'not asked yet')}`,
  ];
  const states = table(
    ['SERVICE', 'REGION', 'STATE', 'NOTE'],
    tasks.map((task) => [task.service, task.region, coloured(task.state, colour), task.because ?? '']),
  );
  const kinds = tasks.flatMap((task) =>
    Object.entries(task.counts)
      .filter(([, { found }]) => found > 0)
      .map(([kind, { found, removed, left }]) => [kind, found, removed, left]),
  );
  const things = table(['KIND', 'FOUND', 'REMOVED', 'LEFT'], kinds, ['FOUND', 'REMOVED', 'LEFT']);
  const waits = waitsOn.flatMap(({ on, since, actor, advice, requestId }) => [
    `${actor === 'nobody' ? '·' : colour.yellow('!')} ${on}`,
    `    for ${duration(now - since)}; ${actor === 'nobody' ? 'goes on by itself' : `the ${actor} must act`}${requestId ? `; ${requestId}` : ''}`,
    ...(advice ? [`    ${advice}`] : []),
  ]);
  const stays = tasks.flatMap(({ conditions }) =>
    conditions
      .filter(({ class: is, actor }) => is === 'Unsupported' && actor === 'operator')
      .map(({ kind, message, advice }) => `- ${kind}: ${message}${advice ? `\n    ${advice}` : ''}`),
  );
  const blocks = [
    head.join('\n'),
    tasks.length > 0 ? states : '',
    kinds.length > 0 ? things : '',
    waits.length > 0 ? `Waits on\n${waits.join('\n')}` : '',
    stays.length > 0 ? `Stays\n${stays.join('\n')}` : '',
  ];
  return blocks.filter((block) => block !== '').join('\n\n');
}

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
