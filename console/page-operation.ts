import type { Api } from './api.ts';
import { command, REASON } from './command.ts';
import { type Child, h } from './element.ts';
import { capital, counted, duration, number, sum, time } from './format.ts';
import { accountOf, hasEnded, isCount } from './operations.ts';
import { pace, type Sample } from './pace.ts';
import {
  adviceOf,
  age,
  amount,
  bar,
  commandLine,
  empty,
  facts,
  operationLink,
  section,
  stateOf,
  table,
} from './parts.ts';
import { type AuditEntry, auditShape, type Operation, type Plan, planShape } from './shapes.ts';
import { MEANINGS } from './states.ts';

/** What is read beside the stream, when the state of the operation changes. */
export interface Details {
  readonly audit: readonly AuditEntry[];
  readonly plan: Plan | undefined;
}

export async function loadDetails(
  api: Api,
  { operation }: Operation,
  signal: AbortSignal,
): Promise<Details> {
  const id = encodeURIComponent(operation.id);
  const [{ entries }, plan] = await Promise.all([
    api.get(`/v1/audit?operation=${id}&limit=50`, auditShape, signal),
    operation.action === 'plan'
      ? api.get(`/v1/operations/${id}/plan`, planShape, signal).catch(() => undefined)
      : undefined,
  ]);
  return { audit: entries, plan };
}

/**
 * The page of one operation. `details` is `undefined` until it has been read. `samples`: of the
 * last minute.
 */
export function operationPage(
  seen: Operation,
  details: Details | undefined,
  samples: readonly Sample[],
  now: number,
): Child[] {
  const { operation } = seen;
  return [
    h('h1', {}, capital(`${operation.action} of ${accountOf(operation)}`)),
    h('p', { class: 'lead' }, stateOf(operation.state), ' ', MEANINGS[operation.state] ?? ''),
    progress(seen, samples),
    waiting(seen, now),
    details?.plan && planSection(details.plan),
    services(seen),
    projects(seen),
    remains(seen),
    section('Commands', commands(seen, details?.plan)),
    section('Facts', about(seen, now)),
    section('Decisions', decisions(details, now)),
  ];
}

function progress(seen: Operation, samples: readonly Sample[]): Child {
  const { operation, resources } = seen;
  const { found, removed, left } = resources;
  if (isCount(seen))
    return h('p', {}, `${counted(found, 'resource')} counted; nothing is changed.`);
  const rate = hasEnded(seen) ? undefined : pace(samples, left);
  const texts = [
    `${number(removed)} of ${number(found)} ${doneWord(operation.action)}`,
    `${number(left)} left`,
    ...(rate
      ? [`${rate.perSecond.toFixed(1)} per second`, `about ${duration(rate.leftMillis)} to go`]
      : []),
  ];
  return h(
    'div',
    { class: 'progress' },
    bar(resources, 'The whole operation'),
    h('span', {}, texts.join(', ')),
  );
}

const doneWord = (action: string): string =>
  ({ provision: 'ready', suspend: 'suspended', resume: 'resumed' })[action] ?? 'removed';

function waiting({ waitsOn, ...seen }: Operation, now: number): Child {
  if (waitsOn.length === 0) return undefined;
  const ordered = waitsOn.toSorted(
    (a, b) => Number(b.actor === 'operator') - Number(a.actor === 'operator'),
  );
  return section(
    'Waits for',
    ordered.map(({ on, since, actor, advice, requestId, deadLetter }, index) =>
      h(
        'div',
        {
          class: `card ${deadLetter ? 'bad' : actor === 'none' ? 'quiet' : 'wait'}`,
          'data-key': `${seen.operation.id} ${index} ${on}`,
        },
        h('h3', {}, on),
        h(
          'p',
          {},
          actor === 'none' ? 'No action is needed. ' : h('strong', {}, `The ${actor} must act. `),
          'Since ',
          age(since, now),
          typeof requestId === 'string' && `; request ${requestId}`,
        ),
        adviceOf(advice),
      ),
    ),
  );
}

function services(seen: Operation): Child {
  const { operation, tasks } = seen;
  const isLacking = (task: TaskView) => task.state === 'skipped';
  const shown = tasks.filter((task) => !isLacking(task));
  if (shown.length === 0)
    return (
      !hasEnded(seen) &&
      (seen.projects ?? []).length === 0 &&
      section('Services', empty('No service has begun yet. They begin after the counting.'))
    );
  const lacking = tasks.filter(isLacking).map(({ service }) => service);
  const totals = ({ counts }: TaskView) => sum(Object.values(counts));
  const work = [
    { title: 'Progress', cell: (task: TaskView) => bar(totals(task), task.service) },
    numberColumn('Found', (task) => totals(task).found),
    numberColumn(capital(doneWord(operation.action)), (task) => totals(task).removed),
    numberColumn('Left', (task) => totals(task).left),
  ];
  return section(
    'Services',
    table<TaskView>(
      'Services of this operation',
      [
        { title: 'Service', isHead: true, cell: ({ service, region }) => `${service} (${region})` },
        { title: 'State', cell: ({ state }) => stateOf(state) },
        ...(isCount(seen) ? [numberColumn('Counted', (task) => totals(task).found)] : work),
        { title: 'Resources', cell: typesOf },
      ],
      shown,
      ({ id }) => id,
    ),
    lacking.length > 0 &&
      h('p', { class: 'note' }, `Not in this cloud or off: ${lacking.join(', ')}.`),
  );
}

type TaskView = Operation['tasks'][number];
const numberColumn = (title: string, of: (task: TaskView) => number) => ({
  title,
  isNumber: true,
  cell: (task: TaskView) => amount(of(task)),
});

/** The resource types of a task that were found, with what is left of each. */
function typesOf({ counts, because }: TaskView): Child {
  const found = Object.entries(counts).filter(([, count]) => count.found > 0);
  return [
    because !== undefined && h('p', {}, because),
    found.length > 0 &&
      h(
        'details',
        {},
        h('summary', {}, counted(found.length, 'type')),
        h(
          'ul',
          {},
          found.map(([type, { found: all, left }]) =>
            h(
              'li',
              { 'data-key': type },
              `${type}: ${number(all - left)} of ${number(all)} gone, ${number(left)} left`,
            ),
          ),
        ),
      ),
  ];
}

function projects({ projects: all = [] }: Operation): Child {
  if (all.length === 0) return undefined;
  return section(
    'Projects, the deepest first',
    table(
      'Projects of the domain',
      [
        { title: 'Project', isHead: true, cell: ({ id, name }) => name ?? id },
        { title: 'State', cell: ({ state }) => stateOf(state) },
        {
          title: 'Operation',
          cell: ({ operationId }) => (operationId === undefined ? '-' : operationLink(operationId)),
        },
        { title: 'Found', isNumber: true, cell: ({ resources }) => amount(resources?.found) },
        { title: 'Left', isNumber: true, cell: ({ resources }) => amount(resources?.left) },
      ],
      all,
      ({ id }) => id,
    ),
  );
}

/** What stays for another person, and what could not be listed. */
function remains({ operation, tasks }: Operation): Child {
  const notes = tasks.flatMap(({ service, region, state, conditions }) =>
    conditions
      .filter((one) => one.class === 'Unsupported' && one.actor === 'operator')
      .map((one) => ({
        key: `${service} ${region} ${one.resourceType ?? ''} ${one.message}`,
        title:
          `${one.resourceType ?? service}${one.count > 1 ? ` (${number(one.count)})` : ''}: ` +
          one.message,
        what: state === 'unreachable' ? 'could not be listed' : 'retained',
        advice: one.advice,
      })),
  );
  const uncovered = operation.uncovered.map(({ type, name, because, advice }) => ({
    key: `uncovered ${type}`,
    title: `${type} (${name})${because === undefined ? '' : `: ${because}`}`,
    what: 'not covered, so its resources are unknown',
    advice:
      advice ?? `If it holds no resources of projects: propagator waiver add ${type} ${REASON}`,
  }));
  const all = [...notes, ...uncovered];
  if (all.length === 0) return undefined;
  return section(
    'Remains or is unknown',
    all.map(({ key, title, what, advice }) =>
      h(
        'div',
        { class: 'card quiet', 'data-key': key },
        h('h3', {}, title),
        h('p', {}, capital(what), '.'),
        adviceOf(advice),
      ),
    ),
  );
}

function planSection(plan: Plan): Child {
  const { digest, approvals, approvalsNeeded, carriedOutBy, allowedDrift, resources } = plan;
  return section(
    'Plan',
    facts([
      ['Would remove', counted(resources, 'resource')],
      ['Digest', digest ?? 'the plan is not complete yet'],
      [
        'Approvals',
        `${approvals.length} of ${approvalsNeeded}` +
          (approvals.length > 0
            ? `: ${approvals.map(({ by, at }) => `${by} at ${time(at)}`).join(', ')}`
            : ''),
      ],
      ['Drift', `up to ${allowedDrift} resources that appear after the plan are removed, too`],
      ['Carried out by', carriedOutBy !== undefined && operationLink(carriedOutBy)],
    ]),
    plan.keystoneCheck.refusals.map(({ message, advice }, index) =>
      h(
        'div',
        { class: 'card bad', 'data-key': `refusal ${index}` },
        h('h3', {}, message),
        adviceOf(advice),
      ),
    ),
    carriedOutBy === undefined &&
      digest !== undefined && [
        h('p', {}, 'Read every resource first. Then approve:'),
        commandLine(`${command(`${plan.scope.type} plan`, plan.scope.id)} --resources`),
        commandLine(command('operation approve', plan.id, '--digest', digest)),
      ],
  );
}

function commands(seen: Operation, plan: Plan | undefined): Child {
  const { id, state, request, action } = seen.operation;
  const isPlan = action === 'plan';
  const ended = hasEnded(seen);
  const withReason = (verb: string) => `${command(`operation ${verb}`, id)} ${REASON}`;
  const offered: (readonly [string, string] | false | undefined)[] = [
    !ended && ['Follow it in a terminal', command('operation watch', id)],
    !isPlan && state === 'held' && ['Continue it', withReason('release')],
    !isPlan && state === 'observed' && !request && ['Carry it out', withReason('release')],
    state === 'recoverable' && ['End the window and remove now', withReason('release')],
    !ended && !isPlan && request !== undefined && ['Take the request back', withReason('cancel')],
    ended && !isPlan && ['Run it again', withReason('rerun')],
    isPlan &&
      plan?.carriedOutBy === undefined &&
      plan?.digest !== undefined && [
        'Approve the plan',
        command('operation approve', id, '--digest', plan.digest),
      ],
    ['Show everything', command('operation show', id)],
  ];
  return [
    h(
      'p',
      { class: 'note' },
      'The console changes nothing. Type a command where you are logged in.',
    ),
    offered.map((one) => {
      if (!one) return undefined;
      const [title, line] = one;
      return h(
        'div',
        { class: 'offer', 'data-key': title },
        h('p', {}, title),
        commandLine(line, title),
      );
    }),
  ];
}

function about({ operation }: Operation, now: number): Child {
  const { scope, cause, request, rerun, released, plan, recovery } = operation;
  const by = cause.initiator ? ` by ${cause.initiator.name ?? cause.initiator.userId}` : '';
  return facts([
    ['Operation', operation.id],
    [capital(scope.type), scope.name === undefined ? scope.id : `${scope.name} (${scope.id})`],
    ['Domain', scope.domainId],
    ['Mode', operation.mode],
    [
      'Because',
      request
        ? `requested by ${request.by} at ${time(request.at)}: ${request.reason}`
        : `${cause.eventType}${by}${cause.note === undefined ? '' : `; ${cause.note}`}`,
    ],
    [
      'Plan',
      plan && [
        operationLink(plan.of),
        `, approved by ${plan.approvals.map((one) => one.by).join(' and ')}`,
      ],
    ],
    ['Runs again', rerun && [operationLink(rerun.of), `, asked by ${rerun.by}: ${rerun.reason}`]],
    ['Released', released && `by ${released.by} at ${time(released.at)}: ${released.reason}`],
    [
      'Recoverable until',
      recovery &&
        operation.state === 'recoverable' &&
        time(recovery.seenAt + recovery.remainingMillis),
    ],
    ['Opened', time(operation.openedAt)],
    ['Ended', operation.endedAt !== undefined && time(operation.endedAt)],
    ['Duration', duration((operation.endedAt ?? now) - operation.openedAt)],
  ]);
}

function decisions(details: Details | undefined, now: number): Child {
  if (!details) return empty('The audit log is being read.');
  if (details.audit.length === 0) return empty('No person has decided anything about it.');
  return table(
    'Decisions of persons, newest first',
    [
      { title: 'Age', cell: ({ at }) => age(at, now) },
      { title: 'By', isHead: true, cell: ({ by }) => by?.name ?? 'unreadable' },
      { title: 'From', cell: ({ from }) => from ?? '-' },
      { title: 'Decision', cell: ({ what }) => what ?? '-' },
      { title: 'Reason', cell: ({ reason }) => reason ?? '-' },
    ],
    details.audit,
    ({ sequence }) => String(sequence),
  );
}
