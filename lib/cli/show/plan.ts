import { countText } from '../../shared/count-text.ts';
import { durationText, joinBlocks, table, timeText, titledBlock, wrapText } from '../output.ts';
import type { PlanShape } from '../shapes.ts';
import type { Colors } from '../terminal.ts';
import { leftOutLines, uncoveredLines } from './coverage.ts';

/**
 * Returns a plan as text: the resources to remove, the resources that stay, and the reasons why
 * Keystone would refuse the deletion. `approveBy`: with `command`, the text ends with the command
 * that approves the plan. With `question`, the text has no such command, because the caller asks
 * for the approval afterwards.
 */
export function showPlan(
  plan: PlanShape,
  now: number,
  color: Colors,
  approveBy: 'command' | 'question',
): string {
  const blocks = [
    headBlock(plan, color),
    projectsBlock(plan),
    countsBlock(plan),
    resourcesBlock(plan, now),
    titledBlock(UNLISTED_TITLE, unlistedLines(plan)),
    titledBlock('Unreachable', plan.unreachable.flatMap(noteLines)),
    titledBlock('Not removed now: a person must act first', plan.leftToOthers.flatMap(noteLines)),
    titledBlock(
      'Keystone would refuse the deletion',
      plan.keystoneCheck.refusals.flatMap(refusalLines),
    ),
    titledBlock(
      'Not known before the approval',
      plan.keystoneCheck.unknown.map((what) => wrapText(what, '- ', '  ')),
    ),
    titledBlock('Not covered: registered in Keystone, but no operation lists them', [
      ...uncoveredLines(plan.uncovered),
    ]),
    titledBlock('Excluded by a setting', leftOutLines(plan.leftOut)),
    footBlock(plan, approveBy),
  ];
  return joinBlocks(blocks);
}

const headBlock = ({ id, scope, requestedBy, openedAt }: PlanShape, color: Colors): string =>
  [
    `${color.bold(id)}  plan: delete ${scope.type} ${scope.name ?? ''} (${scope.id})`,
    `made by ${requestedBy} at ${timeText(openedAt)}; nothing was changed`,
  ].join('\n');

/** The projects of a domain, in the order in which they are deleted. */
function projectsBlock({ scope, projects: plannedProjects }: PlanShape): string {
  if (scope.type !== 'domain') return '';
  const orderText =
    'First, each project is disabled, a child before its parent; then the domain is ' +
    'disabled.\nThen each project is emptied and deleted in the same order. The domain is ' +
    'deleted last.';
  if (plannedProjects.length === 0) return `The domain has no projects.\n${orderText}`;
  const rows = plannedProjects.map(
    ({ id, name = '', parentId = '-', resources: count, planId }) => [
      id,
      name,
      parentId,
      count,
      planId ?? '-',
    ],
  );
  const protectedLines = plannedProjects.flatMap(({ id, name = id, protectedBecause }) =>
    protectedBecause === undefined
      ? []
      : [`! project ${name} stays, and the domain stays with it. Reason: ${protectedBecause}`],
  );
  return [
    orderText,
    table(['PROJECT', 'NAME', 'PARENT', 'RESOURCES', 'PLAN'], rows, ['RESOURCES']),
    ...protectedLines,
  ].join('\n');
}

function countsBlock({ services, resources: resourceCount }: PlanShape): string {
  const rows = services.flatMap(({ service, region, types }) =>
    types.map(({ resourceType, count }) => [service, region, resourceType, count]),
  );
  if (rows.length === 0) return 'No service lists a resource.';
  return [
    table(['SERVICE', 'REGION', 'TYPE', 'RESOURCES'], rows, ['RESOURCES']),
    `${countText(resourceCount, 'resource')} will be removed.`,
  ].join('\n');
}

function resourcesBlock({ pages }: PlanShape, now: number): string {
  const rows = pages.flatMap(({ region, resourceType, resources: listed }) =>
    listed.map(({ id, name = '', createdAt }) => [
      resourceType,
      region,
      id,
      name,
      createdAt === undefined ? '-' : durationText(now - createdAt),
    ]),
  );
  const truncatedPages = pages.flatMap(({ resourceType, total }) =>
    total === undefined ? [] : [`${resourceType}: only a part of ${total} is listed`],
  );
  return rows.length === 0
    ? ''
    : [table(['TYPE', 'REGION', 'ID', 'NAME', 'AGE'], rows), ...truncatedPages].join('\n');
}

const UNLISTED_TITLE =
  'To be removed, but not listed here: only a token on the project can list these types';

const unlistedLines = ({ services }: PlanShape): string[] =>
  services.flatMap(({ region, unlisted: types }) => types.map((type) => `- ${type} in ${region}`));

const noteLines = ({
  service,
  region,
  resourceType,
  message,
  advice,
  count,
}: PlanShape['unreachable'][number]): string[] => [
  wrapText(
    `${resourceType ?? service} in ${region}${count > 1 ? ` (${count})` : ''}: ${message}`,
    '- ',
    '  ',
  ),
  ...(advice ? [wrapText(advice, '    ')] : []),
];

const refusalLines = ({ message, advice }: { message: string; advice: string }): string[] => [
  wrapText(message, '! ', '  '),
  wrapText(advice, '    '),
];

function footBlock(plan: PlanShape, approveBy: 'command' | 'question'): string {
  const {
    id,
    digest,
    approvals,
    approvalsNeeded,
    twoBecause,
    allowedDrift,
    carriedOutBy,
    estimate,
  } = plan;
  const approvalTexts = approvals.map(({ by, at }) => `${by} at ${timeText(at)}`);
  const neededText = `${approvalsNeeded} needed${twoBecause ? `, because ${twoBecause}` : ''}`;
  return [
    `digest     ${digest ?? 'not complete yet'}`,
    `approvals  ${neededText}; ${approvalTexts.length > 0 ? approvalTexts.join(', ') : 'none yet'}`,
    `drift      up to ${allowedDrift} resources that appear after this plan are also removed`,
    ...estimateLines(estimate),
    ...(carriedOutBy ? [`carried out by ${carriedOutBy}`] : []),
    ...(digest && !carriedOutBy && approveBy === 'command' ? approveLines(id, digest) : []),
  ].join('\n');
}

const approveLines = (id: string, digest: string): string[] => [
  `approve    propagator operation approve ${id} --digest ${digest}`,
  '           This command asks no question. Add --recover-for TIME for a recovery window.',
];

/** Returns the lines for the number of calls, and the duration at the rates of earlier cleanups. */
function estimateLines(estimate: PlanShape['estimate']): string[] {
  if (!estimate) return [];
  const { calls, millis, unmeasured } = estimate;
  const unmeasuredText =
    unmeasured.length > 0 ? ` (not measured yet: ${unmeasured.join(', ')})` : '';
  const durationEstimate =
    millis === undefined
      ? `unknown before the first cleanup has ended${unmeasuredText}`
      : `${unmeasured.length > 0 ? 'at least' : 'about'} ${durationText(millis)}${unmeasuredText}`;
  return [`calls      about ${calls}`, wrapText(durationEstimate, 'duration   ', '           ')];
}
