import { NO_REGION } from '../../operation/order.ts';
import { table, wrapText } from '../output.ts';
import type { OperationShape, TaskShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { colorState } from './operations.ts';

/** The services with their states. */
export function serviceTable({ tasks }: OperationShape, color: Colors): string {
  // Most clouds have only some of the services, so all services that are absent share one line.
  const isAbsent = ({ region, state }: TaskShape): boolean =>
    region === NO_REGION && state === 'skipped';
  const rows = tasks
    .filter((task) => !isAbsent(task))
    .map((task) => [
      task.service,
      task.region,
      colorState(task.state, color),
      task.because ?? taskNote(task),
    ]);
  const absentServices = tasks.filter(isAbsent).map(({ service }) => service);
  return [
    ...(rows.length > 0 ? [table(['SERVICE', 'REGION', 'STATE', 'NOTE'], rows)] : []),
    ...(absentServices.length > 0 ? [`not in this cloud: ${absentServices.join(', ')}`] : []),
  ].join('\n');
}

const taskNote = ({ phase, state }: TaskShape): string =>
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

/**
 * Returns the conditions of the class `Unsupported` on which an operator can act. Such a condition
 * is about resources that the operation cannot list, or that the operation does not change.
 */
const unsupportedConditions = ({ conditions }: TaskShape) =>
  conditions.filter(
    ({ class: errorClass, actor }) => errorClass === 'Unsupported' && actor === 'operator',
  );

/** Returns the lines for an unreachable task. Types with the same reason share one entry. */
export const unreachableLines = (task: TaskShape): string[] => [
  `? ${task.service} in ${task.region}: ${task.because ?? 'no reason was reported'}`,
  ...[...groupByReason(unsupportedConditions(task)).values()].flatMap((sameReason) => {
    const types = sameReason.map(({ resourceType }) => resourceType ?? task.service).join(', ');
    const { message, advice } = sameReason[0] as (typeof sameReason)[number];
    return [
      wrapText(`${types}: ${message}`, '    '),
      ...(advice ? [wrapText(advice, '      ')] : []),
    ];
  }),
];

/** Returns the lines for the resources that a task keeps. */
export const retainedLines = (task: TaskShape): string[] =>
  unsupportedConditions(task).flatMap(({ resourceType, message, advice, count, example }) => [
    `- ${resourceType ?? task.service}: ${message}`,
    ...(example === undefined
      ? []
      : [count === 1 ? `    ${example}` : `    ${count} of them, for example ${example}`]),
    ...(advice ? [`    ${advice}`] : []),
  ]);

const groupByReason = (conditions: TaskShape['conditions']) =>
  Map.groupBy(conditions, ({ message, advice }) => `${message}\n${advice ?? ''}`);
