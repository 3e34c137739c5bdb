import type { Api } from './api.ts';
import { type Child, h } from './element.ts';
import { capital, countWithNoun, durationText, numberText, timeText } from './format.ts';
import { offeredCommands, planSection } from './operation-commands.ts';
import {
  doneWord,
  projectsSection,
  REMAINS_TITLE,
  remainsSection,
  servicesSection,
} from './operation-services.ts';
import { accountOf, hasEnded, onlyCounts } from './operations.ts';
import { removalRate, type Sample } from './pace.ts';
import {
  adviceElements,
  age,
  bar,
  empty,
  facts,
  operationLink,
  section,
  stateElement,
  table,
} from './parts.ts';
import { type AuditEntry, auditShape, type Operation, type Plan, planShape } from './shapes.ts';
import { MEANINGS } from './states.ts';

/** The data that is read in addition to the stream. */
export interface Details {
  readonly audit: readonly AuditEntry[];
  readonly plan: Plan | undefined;
  /** The plan that a recoverable operation carries out after its window. */
  readonly approvedPlan: Plan | undefined;
}

/** Reads the audit entries of an operation, and the plans that its page shows. */
export async function loadDetails(
  api: Api,
  { operation }: Operation,
  signal: AbortSignal,
  previous?: Details,
): Promise<Details> {
  const { id, action, state } = operation;
  const readPlan = (planId: string) =>
    api
      .get(`/v1/operations/${encodeURIComponent(planId)}/plan`, planShape, signal)
      .catch(() => undefined);
  const approvedPlanId = state === 'recoverable' ? operation.plan?.of : undefined;
  const [{ entries }, ownPlan, approvedPlan] = await Promise.all([
    api.get(`/v1/audit?operation=${encodeURIComponent(id)}&limit=50`, auditShape, signal),
    action === 'plan' ? readPlan(id) : undefined,
    // The plan that the operation carries out does not change, so it is read only once.
    previous?.approvedPlan ?? (approvedPlanId === undefined ? undefined : readPlan(approvedPlanId)),
  ]);
  return { audit: entries, plan: ownPlan, approvedPlan };
}

/**
 * The page of one operation. `details` is `undefined` until it has been read. `samples` covers the
 * last minute.
 */
export function operationPage(
  view: Operation,
  details: Details | undefined,
  samples: readonly Sample[],
  now: number,
): Child[] {
  const { operation } = view;
  return [
    h('h1', {}, capital(`${operation.action} of ${accountOf(operation)}`)),
    h('p', { class: 'lead' }, stateElement(operation.state), ' ', meaningOf(view)),
    endCard(view),
    progressLine(view, details?.approvedPlan, samples),
    waitingCards(view, now),
    details?.plan && planSection(details.plan),
    servicesSection(view),
    projectsSection(view),
    remainsSection(view),
    section('Commands', offeredCommands(view)),
    section('Facts', operationFacts(view, now)),
    section('Decisions', decisionTable(details, now)),
  ];
}

/** The meaning of the state for this operation. */
function meaningOf(view: Operation): string {
  const { state, scope } = view.operation;
  const meaning = MEANINGS[state] ?? '';
  if (state === 'recoverable') return `${IN_WINDOW[scope.type] ?? ''}${meaning}`;
  if (state !== 'finished') return meaning;
  const exception =
    remainsSection(view) !== undefined
      ? `the resources under “${REMAINS_TITLE}”`
      : view.resources.left > 0
        ? 'the resources that remain'
        : undefined;
  return exception === undefined
    ? meaning
    : `A new listing showed that nothing is left to do, except for ${exception}.`;
}

/** The changes at the start of a recovery window, by the type of the account. */
const IN_WINDOW: Readonly<Record<string, string>> = {
  project: 'The project is disabled and suspended. ',
  domain: 'The domain is disabled. Its projects are suspended only as the policy file says. ',
};

/** An ended operation keeps its last reason, for example that of a cancellation. */
function endCard(view: Operation): Child {
  const { hold, state } = view.operation;
  return (
    hasEnded(view) &&
    hold !== undefined &&
    h(
      'div',
      { class: 'card quiet', 'data-key': `ended ${state}` },
      h('h3', {}, capital(hold.reason)),
      adviceElements(hold.advice),
    )
  );
}

function progressLine(
  view: Operation,
  approvedPlan: Plan | undefined,
  samples: readonly Sample[],
): Child {
  const { operation, resources } = view;
  const { found, removed, left } = resources;
  if (operation.state === 'recoverable')
    return (
      approvedPlan &&
      h('p', {}, `The plan lists ${countWithNoun(approvedPlan.resources, 'resource')}.`)
    );
  if (onlyCounts(view))
    return h('p', {}, `${countWithNoun(found, 'resource')} counted; nothing is changed.`);
  const rate = hasEnded(view) ? undefined : removalRate(samples, left);
  const texts = [
    `${numberText(removed)} of ${numberText(found)} ${doneWord(operation.action)}`,
    `${numberText(left)} left`,
    ...(rate
      ? [
          `${rate.perSecond.toFixed(1)} per second`,
          `about ${durationText(rate.remainingMillis)} to go`,
        ]
      : []),
  ];
  return h(
    'div',
    { class: 'progress' },
    bar(resources, 'The whole operation'),
    h('span', {}, texts.join(', ')),
  );
}

function waitingCards({ waitsOn, ...view }: Operation, now: number): Child {
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
          'data-key': `${view.operation.id} ${index} ${on}`,
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
        adviceElements(advice),
      ),
    ),
  );
}

function operationFacts({ operation }: Operation, now: number): Child {
  const { scope, rerun, released, plan, recovery } = operation;
  return facts([
    ['Operation', operation.id],
    [capital(scope.type), scope.name === undefined ? scope.id : `${scope.name} (${scope.id})`],
    ['Domain', scope.domainId],
    ['Mode', operation.mode],
    ['Because', causeText(operation)],
    [
      'Plan',
      plan && [
        operationLink(plan.of),
        `, approved by ${plan.approvals.map((one) => one.by).join(' and ')}`,
      ],
    ],
    [
      'Runs again',
      rerun && [operationLink(rerun.of), `, requested by ${rerun.by}: ${rerun.reason}`],
    ],
    ['Released', released && `by ${released.by} at ${timeText(released.at)}: ${released.reason}`],
    [
      'Recoverable until',
      recovery &&
        operation.state === 'recoverable' &&
        timeText(recovery.seenAt + recovery.remainingMillis),
    ],
    ['Opened', timeText(operation.openedAt)],
    ['Ended', operation.endedAt !== undefined && timeText(operation.endedAt)],
    ['Duration', durationText((operation.endedAt ?? now) - operation.openedAt)],
  ]);
}

/** The request of a person, or the notification, that led to the operation. */
function causeText({ cause, request }: Operation['operation']): string {
  if (request) return `requested by ${request.by} at ${timeText(request.at)}: ${request.reason}`;
  const { eventType, initiator, note } = cause;
  const by = initiator ? ` by ${initiator.name ?? initiator.userId}` : '';
  return `${eventType}${by}${note === undefined ? '' : `; ${note}`}`;
}

function decisionTable(details: Details | undefined, now: number): Child {
  if (!details) return empty('The audit log is being read.');
  if (details.audit.length === 0)
    return empty('No person has made a decision about this operation.');
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
