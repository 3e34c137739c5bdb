import { command, REASON_OPTION } from './command.ts';
import { type Child, h } from './element.ts';
import { countWithNoun } from './format.ts';
import type { OpenPlan, Overview } from './load-overview.ts';
import { accountOf, firstReason, listAddress, needsPerson } from './operations.ts';
import { adviceElements, age, commandLine, link, operationLink, stateElement } from './parts.ts';
import type { Operation, Status } from './shapes.ts';

/** A card about an action that a person must take. */
export interface Need {
  readonly key: string;
  readonly tone: 'bad' | 'wait';
  readonly title: readonly Child[];
  readonly detail: readonly Child[];
}

/** The actions that persons must take, the most severe first. */
export function needsOf(
  { status, newest, older, plans, morePlanCount }: Overview,
  now: number,
): Need[] {
  const all = [...newest, ...older];
  const queuesWithDeadLetters = Object.entries(status.queues).filter(([, queue]) => queue.dead > 0);
  const deadLetterCount = queuesWithDeadLetters.reduce((total, [, queue]) => total + queue.dead, 0);
  const queueNames = queuesWithDeadLetters.map(([queue]) => queue);
  const waitingForPerson = all.filter(needsPerson);
  const hasDeadLetter = ({ waitsOn }: Operation) => waitsOn.some(({ deadLetter }) => deadLetter);
  const withDeadLetter = waitingForPerson.filter(hasDeadLetter);
  const withoutDeadLetter = waitingForPerson.filter((one) => !hasDeadLetter(one));
  return [
    ...(status.stopped ? [stopNeed(status.stopped, now)] : []),
    ...(status.ok ? [] : [healthNeed()]),
    ...(deadLetterCount > 0 ? [deadLettersNeed(deadLetterCount, queueNames)] : []),
    ...withDeadLetter.map((one) => operationNeed(one, 'bad', now)),
    ...(status.enabledDuringHold > 0 ? [enabledDuringHoldNeed(status.enabledDuringHold)] : []),
    ...withoutDeadLetter.map((one) => operationNeed(one, 'wait', now)),
    ...plans.map((plan) => planNeed(plan, now)),
    ...(morePlanCount > 0 ? [morePlansNeed(morePlanCount)] : []),
    ...(status.suspicious > 0 ? [suspiciousNeed(status.suspicious)] : []),
  ];
}

const need = (
  key: string,
  tone: Need['tone'],
  title: readonly Child[],
  detail: readonly Child[],
): Need => ({ key, tone, title, detail });

const stopNeed = (stopped: NonNullable<Status['stopped']>, now: number): Need =>
  need(
    'stopped',
    'bad',
    ['All destructive work is stopped'],
    [
      h(
        'p',
        {},
        `By ${stopped.by} for `,
        age(stopped.at, now),
        `: ${stopped.reason ?? 'no reason'}`,
      ),
      commandLine(`propagator resume-all ${REASON_OPTION}`),
    ],
  );

const healthNeed = (): Need =>
  need(
    'health',
    'bad',
    ['A part of the propagator does not work'],
    [
      h('p', {}, 'Notifications may not arrive. To find the part:'),
      commandLine('propagator status'),
    ],
  );

const deadLettersNeed = (count: number, queues: readonly string[]): Need =>
  need(
    'dead',
    'bad',
    [link('#/dead-letters', `${countWithNoun(count, 'dead-letter message')}`)],
    [h('p', {}, `Queues: ${queues.join(', ')}. The list shows each cause with its command.`)],
  );

function operationNeed(view: Operation, tone: Need['tone'], now: number): Need {
  const { operation, waitsOn } = view;
  const first = waitsOn.find(({ actor }) => actor === 'operator') ?? waitsOn[0];
  return need(
    operation.id,
    tone,
    [
      operationLink(operation.id),
      ` ${operation.action} of ${accountOf(operation)} `,
      stateElement(operation.state),
    ],
    [
      h('p', {}, firstReason(view), first && [' (for ', age(first.since, now), ')']),
      adviceElements(first?.advice),
      operation.state === 'held' &&
        !first?.advice?.includes('operation release') &&
        commandLine(`${command('operation release', operation.id)} ${REASON_OPTION}`),
    ],
  );
}

/**
 * The card of a plan that waits for approval. Only the page of the plan shows the command that
 * approves it, because a person must read the plan first.
 */
const planNeed = ({ operation: view, details }: OpenPlan, now: number): Need => {
  const { id, openedAt } = view.operation;
  return need(
    id,
    'wait',
    [
      operationLink(id),
      ` plan of ${accountOf(view.operation)} ${details ? 'waits' : 'may wait'} for approval`,
    ],
    [
      h(
        'p',
        {},
        details
          ? `${countWithNoun(details.resources, 'resource')}; ${details.approvals.length} of ` +
              `${details.approvalsNeeded} approvals; planned `
          : 'The plan could not be read now; planned ',
        age(openedAt, now),
        ' ago. ',
        link(`#/operations/${encodeURIComponent(id)}`, 'Read the plan'),
      ),
    ],
  );
};

const morePlansNeed = (count: number): Need =>
  need(
    'more plans',
    'wait',
    [`${countWithNoun(count, 'older plan')} may wait for approval`],
    [h('p', {}, link(listAddress({ action: 'plan', state: 'observed' }), 'See the plans'))],
  );

const enabledDuringHoldNeed = (count: number): Need =>
  need(
    'enabled',
    'bad',
    [`${countWithNoun(count, 'project')} held suspended, but enabled in Keystone`],
    [h('p', {}, link('#/holds', 'See the holds'))],
  );

const suspiciousNeed = (count: number): Need =>
  need(
    'suspicious',
    'wait',
    [`${countWithNoun(count, 'deletion')} held: Keystone never showed the account`],
    [commandLine('propagator suspicious list')],
  );
