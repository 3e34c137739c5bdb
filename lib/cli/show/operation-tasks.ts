import { NO_REGION } from '../../operation/order.ts';
import { table, wrapText } from '../output.ts';
import type { OperationShape, TaskShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { colorState } from './operations.ts';

/** The services with their states. */
export function serviceTable({ tasks }: OperationShape, color: Colors): string {
  // Most clouds lack most of the services, so the lacking services share one line.
  const isLacking = ({ region, state }: TaskShape): boolean =>
    region === NO_REGION && state === 'skipped';
  const rows = tasks
    .filter((task) => !isLacking(task))
    .map((task) => [
      task.service,
      task.region,
      colorState(task.state, color),
      task.because ?? note(task),
    ]);
  const lacking = tasks.filter(isLacking).map(({ service }) => service);
  return [
    ...(rows.length > 0 ? [table(['SERVICE', 'REGION', 'STATE', 'NOTE'], rows)] : []),
    ...(lacking.length > 0 ? [`not in this cloud: ${lacking.join(', ')}`] : []),
  ].join('\n');
}

const note = ({ phase, state }: TaskShape): string =>
  phase === 'pre-delete' && state === 'requested' ? 'before the deletion' : '';

/** What an action does with a resource, by action. The default is `removed`. */
const DONE_WORDS: Readonly<Record<string, string>> = {
  provision: 'ready',
  suspend: 'suspended',
  resume: 'resumed',
};
/** Returns the word for the resources that the operation has completed, for example `removed`. */
export const doneWord = ({ action }: OperationShape['operation']): string =>
  DONE_WORDS[action] ?? 'removed';

/** The resource types with their counts. */
export function typeTable({ operation, tasks }: OperationShape): string {
  const done = doneWord(operation).toUpperCase();
  const rows = tasks.flatMap((task) =>
    Object.entries(task.counts)
      .filter(([, { found }]) => found > 0)
      .map(([resourceType, { found, removed, left }]) => [resourceType, found, removed, left]),
  );
  return rows.length > 0
    ? table(['TYPE', 'FOUND', done, 'LEFT'], rows, ['FOUND', done, 'LEFT'])
    : '';
}

export const isUnreachable = ({ state }: TaskShape): boolean => state === 'unreachable';

const operatorConditions = ({ conditions }: TaskShape) =>
  conditions.filter(
    ({ class: errorClass, actor }) => errorClass === 'Unsupported' && actor === 'operator',
  );

/** Returns the lines for an unreachable task. Types with the same reason share one entry. */
export const unreachableLines = (task: TaskShape): string[] => [
  `? ${task.service} in ${task.region}: ${task.because ?? 'no reason was reported'}`,
  ...[...byReason(operatorConditions(task)).values()].flatMap((same) => {
    const types = same.map(({ resourceType }) => resourceType ?? task.service).join(', ');
    const { message, advice } = same[0] as (typeof same)[number];
    return [
      wrapText(`${types}: ${message}`, '    '),
      ...(advice ? [wrapText(advice, '      ')] : []),
    ];
  }),
];

/** Returns the lines for the resources that a task keeps. */
export const retainedLines = (task: TaskShape): string[] =>
  operatorConditions(task).flatMap(({ resourceType, message, advice, count, example }) => [
    `- ${resourceType ?? task.service}: ${message}`,
    ...(example === undefined
      ? []
      : [count === 1 ? `    ${example}` : `    ${count} of them, for example ${example}`]),
    ...(advice ? [`    ${advice}`] : []),
  ]);

const byReason = (conditions: TaskShape['conditions']) =>
  Map.groupBy(conditions, ({ message, advice }) => `${message}\n${advice ?? ''}`);
