import { isEndState } from '../exit-code.ts';
import { durationText, table, timeText } from '../output.ts';
import type { OperationShape, TaskShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { projectTable } from './domain-projects.ts';
import { waitLines } from './operation.ts';
import { doneWord } from './operation-tasks.ts';
import { accountText, colorState, operationDurationText } from './operations.ts';

/** `removed`: the number of resources that were removed until `at`, in epoch milliseconds. */
export interface Sample {
  readonly at: number;
  readonly removed: number;
}
/** The rate is the mean over this time, which ends with the newest sample. */
const RATE_WINDOW_MILLIS = 60_000;
/** If the samples cover a shorter time, the rate is unknown. */
const MIN_RATE_WINDOW_MILLIS = 3000;
const BAR_WIDTH = 30;

/**
 * The rate in resources per second over the last minute, and the milliseconds until nothing is left
 * at this rate. Both are `undefined` while they are unknown.
 */
export function rateOf(
  samples: readonly Sample[],
  left: number,
): { readonly perSecond: number | undefined; readonly leftMillis: number | undefined } {
  const newest = samples.at(-1);
  const oldest = samples.find(
    ({ at }) => newest !== undefined && newest.at - at <= RATE_WINDOW_MILLIS,
  );
  if (!newest || !oldest || newest.at - oldest.at < MIN_RATE_WINDOW_MILLIS)
    return { perSecond: undefined, leftMillis: undefined };
  const perSecond = ((newest.removed - oldest.removed) * 1000) / (newest.at - oldest.at);
  if (perSecond <= 0) return { perSecond: undefined, leftMillis: undefined };
  return { perSecond, leftMillis: (left * 1000) / perSecond };
}

/** The live view of an operation on a terminal: progress, services, and what it waits for. */
export function liveView(
  view: OperationShape,
  samples: readonly Sample[],
  now: number,
  color: Colors,
): string {
  const { operation, resources, tasks } = view;
  const rows = tasks.filter(isNotSkipped).map((task) => {
    const { found, removed, left } = sumOfTypes(task);
    return [task.service, task.region, colorState(task.state, color), found, removed, left];
  });
  const doneHeading = doneWord(operation).toUpperCase();
  const waitingLines = waitLines(view, now, color);
  const projectsText = projectTable(view, color);
  return [
    `${color.bold(operation.id)}  ${operation.action} of ${accountText(operation)}`,
    `${colorState(operation.state, color)}, mode ${operation.mode}, ` +
      `for ${operationDurationText(operation, now)}`,
    `${progressBar(resources)} ${progressText(view, samples)}`,
    ...(rows.length > 0
      ? [
          '',
          table(['SERVICE', 'REGION', 'STATE', 'FOUND', doneHeading, 'LEFT'], rows, [
            'FOUND',
            doneHeading,
            'LEFT',
          ]),
        ]
      : []),
    ...(projectsText === '' ? [] : ['', projectsText]),
    ...(waitingLines.length > 0 ? ['', 'Waiting for', ...waitingLines] : []),
  ].join('\n');
}

/** One line for a log: the state, the counts, the rate, and the first reason why it waits. */
export function watchLine(view: OperationShape, samples: readonly Sample[], now: number): string {
  const [firstWait, ...otherWaits] = view.waitsOn;
  const actor =
    firstWait?.actor === 'none' ? 'no action needed' : `the ${firstWait?.actor} must act`;
  const waitingText = firstWait
    ? `; waits for ${firstWait.on} (${actor}, for ${durationText(now - firstWait.since)})`
    : '';
  const moreText = otherWaits.length > 0 ? ` and ${otherWaits.length} more` : '';
  const { projects = [] } = view;
  const endedProjects = projects.filter(({ state }) => isEndState(state));
  const projectsText =
    projects.length > 0 ? `, ${endedProjects.length} of ${projects.length} projects ended` : '';
  const progress = `${progressText(view, samples)}${projectsText}`;
  return `${timeText(now)} ${view.operation.state}: ${progress}${waitingText}${moreText}`;
}

/** The parts of {@link watchLine} that count as a change: all except times and rates. */
export const changeKey = ({
  operation,
  resources,
  waitsOn,
  projects = [],
}: OperationShape): string =>
  JSON.stringify([
    operation.state,
    resources,
    projects.map(({ state }) => state),
    waitsOn.map(({ on, actor }) => [on, actor]),
  ]);

function progressText(
  { resources, operation }: OperationShape,
  samples: readonly Sample[],
): string {
  const { found, removed, left } = resources;
  const { perSecond, leftMillis } = rateOf(samples, left);
  const hasRate = operation.endedAt === undefined && perSecond !== undefined;
  return [
    `${removed} of ${found} ${doneWord(operation)}, ${left} left`,
    ...(hasRate ? [`${perSecond.toFixed(1)} per second`] : []),
    ...(hasRate && leftMillis !== undefined ? [`about ${durationText(leftMillis)} to go`] : []),
  ].join(', ');
}

function progressBar({ found, left }: OperationShape['resources']): string {
  const filledWidth =
    found === 0 ? 0 : Math.round(((found - Math.min(left, found)) / found) * BAR_WIDTH);
  return `[${'#'.repeat(filledWidth)}${'.'.repeat(BAR_WIDTH - filledWidth)}]`;
}

const isNotSkipped = (task: TaskShape): boolean => task.state !== 'skipped';

const sumOfTypes = ({ counts: byType }: TaskShape) =>
  Object.values(byType).reduce(
    (sums, { found, removed, left }) => ({
      found: sums.found + found,
      removed: sums.removed + removed,
      left: sums.left + left,
    }),
    { found: 0, removed: 0, left: 0 },
  );
