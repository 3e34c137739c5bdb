import { applyWaivers } from '../../operation/leftovers.ts';
import { durationText, joinBlocks, timeText, titledBlock } from '../output.ts';
import type { OperationShape, WaiverShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { leftOutLines, uncoveredLines } from './coverage.ts';
import { decisionLines } from './dead-letters.ts';
import { projectTable } from './domain-projects.ts';
import { operationHead } from './operation-head.ts';
import {
  isUnreachable,
  retainedLines,
  serviceTable,
  typeTable,
  unreachableLines,
} from './operation-tasks.ts';

/** All details of one operation. `waivers`: the waivers that apply to this operation. */
export function showOperation(
  view: OperationShape,
  waivers: readonly WaiverShape[],
  now: number,
  color: Colors,
): string {
  const blocks = [
    operationHead(view.operation, now, color),
    projectTable(view, color),
    serviceTable(view, color),
    typeTable(view),
    titledBlock('Found by this operation and not by the earlier one', newlyFoundLines(view)),
    titledBlock('Waiting for', waitLines(view, now, color)),
    titledBlock('Unreachable', view.tasks.filter(isUnreachable).flatMap(unreachableLines)),
    titledBlock(
      'Retained',
      view.tasks.filter((task) => !isUnreachable(task)).flatMap(retainedLines),
    ),
    coverageBlocks(view.operation, waivers),
    titledBlock('Dead letters', decisionLines(view.decisions)),
    view.notice ?? '',
  ];
  return joinBlocks(blocks);
}

/** Returns a line for each type of which a rerun found more than the earlier operation had left. */
function newlyFoundLines({ foundAgain: found, operation }: OperationShape): string[] {
  const { rerun } = operation;
  if (!found || !rerun) return [];
  if (found.length === 0) return [`no new resources: ${rerun.of} had already listed all of them`];
  return found.map(
    ({ resourceType, region, found: count, leftBefore }) =>
      `${resourceType} in ${region}: ${count}; ${rerun.of} ` +
      (leftBefore === undefined ? 'did not list them' : `had left ${leftBefore}`),
  );
}

/** Returns the lines for each reason of a wait: its duration, and the party that must act. */
export const waitLines = ({ waitsOn }: OperationShape, now: number, color: Colors): string[] =>
  waitsOn.flatMap(({ on, since, actor, advice, requestId }) => [
    `${actor === 'none' ? '·' : color.yellow('!')} ${on}`,
    `    for ${durationText(now - since)}; ` +
      (actor === 'none' ? 'no action needed' : `the ${actor} must act`) +
      (requestId ? `; ${requestId}` : ''),
    ...(advice ? [`    ${advice}`] : []),
  ]);

function coverageBlocks(
  { uncovered, leftOut, waived: appliedWaivers }: OperationShape['operation'],
  waivers: readonly WaiverShape[],
): string {
  const { unwaived } = applyWaivers(
    uncovered.map((one) => ({ ...one, types: [one.type] })),
    waivers,
  );
  const waived = waivers.filter(({ type }) =>
    [...uncovered, ...appliedWaivers].some((one) => one.type === type),
  );
  const typeText = (type: string): string => {
    const name = uncovered.find((one) => one.type === type)?.name;
    return name === undefined ? type : `${type} (${name})`;
  };
  const advice =
    'Their resources are unknown. If a type has no resources of projects: propagator waiver ' +
    'add TYPE --reason "…"';
  return joinBlocks([
    titledBlock('Not covered: registered in Keystone, but no operation lists them', [
      ...uncoveredLines(unwaived),
      ...(unwaived.length > 0 ? [`    ${advice}`] : []),
    ]),
    titledBlock('Excluded by a setting', leftOutLines(leftOut)),
    titledBlock(
      'Waived',
      waived.map(
        ({ type, by, reason, at }) => `- ${typeText(type)}: by ${by} at ${timeText(at)}: ${reason}`,
      ),
    ),
  ]);
}
