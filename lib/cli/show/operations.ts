import { durationText, table } from '../output.ts';
import type { OperationShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';

const STATE_COLORS: Readonly<Record<string, 'green' | 'yellow' | 'red' | 'cyan' | 'dim'>> = {
  finished: 'green',
  observed: 'green',
  'pre-delete': 'cyan',
  running: 'cyan',
  closing: 'cyan',
  requested: 'cyan',
  planning: 'cyan',
  confirming: 'cyan',
  waiting: 'cyan',
  held: 'yellow',
  unverified: 'yellow',
  unreachable: 'yellow',
  'dead-lettered': 'red',
  refused: 'yellow',
  canceled: 'yellow',
  pending: 'dim',
  skipped: 'dim',
};

/** The state of an operation or a task, in its color. */
export const colorState = (state: string, color: Colors): string =>
  color[STATE_COLORS[state] ?? 'dim'](state);
/** The account of an operation, with its name if the name is known. */
export const accountText = ({ scope }: OperationShape['operation']): string =>
  `${scope.type} ${scope.name ?? scope.id}`;
/** The duration of an operation until its end or until now. */
export const operationDurationText = (
  { openedAt, endedAt }: OperationShape['operation'],
  now: number,
): string => durationText((endedAt ?? now) - openedAt);

/** Returns a table with one line per operation. */
export function showOperations(
  {
    operations,
    notice,
  }: { readonly operations: readonly OperationShape[]; readonly notice?: string | undefined },
  now: number,
  color: Colors,
): string {
  if (operations.length === 0) return 'No operations.';
  const rows = operations.map((view) => [
    view.operation.id,
    accountText(view.operation),
    colorState(view.operation.state, color),
    view.resources.found,
    view.resources.removed,
    view.resources.left,
    operationDurationText(view.operation, now),
    shortenText(firstReason(view)),
  ]);
  const tableText = table(
    ['OPERATION', 'ACCOUNT', 'STATE', 'FOUND', 'REMOVED', 'LEFT', 'DURATION', 'WAITING FOR'],
    rows,
    ['FOUND', 'REMOVED', 'LEFT'],
  );
  return notice === undefined ? tableText : `${tableText}\n\n${notice}`;
}

const shortenText = (text: string): string => (text.length > 70 ? `${text.slice(0, 69)}…` : text);

/** Returns the first reason why an operation waits or is held, or an empty text. */
export const firstReason = ({ operation, waitsOn }: OperationShape): string =>
  waitsOn[0]?.on ?? operation.hold?.reason ?? '';
