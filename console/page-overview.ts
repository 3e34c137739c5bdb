import type { Api } from './api.ts';
import { command, REASON } from './command.ts';
import { type Child, type El, h } from './element.ts';
import { counted, number } from './format.ts';
import { accountOf, firstReason, needsPerson } from './operations.ts';
import {
  adviceOf,
  age,
  commandLine,
  empty,
  link,
  operationLink,
  section,
  stateOf,
} from './parts.ts';
import {
  type Operation,
  operationsShape,
  type Plan,
  planShape,
  type Status,
  statusShape,
} from './shapes.ts';
import { STATES } from './states.ts';

export interface Overview {
  readonly status: Status;
  /** The newest operations, which are counted by state. */
  readonly newest: readonly Operation[];
  /** Older operations that are held or running. */
  readonly others: readonly Operation[];
  /** Plans that nothing has carried out yet. */
  readonly plans: readonly Plan[];
  readonly notice: string | undefined;
}

const NEWEST = 100;
/** The most plans that are read in detail. */
const PLANS = 5;

export async function loadOverview(api: Api, signal: AbortSignal): Promise<Overview> {
  const list = (query: string) =>
    api.get(`/v1/operations?limit=${NEWEST}${query}`, operationsShape, signal);
  const [status, newest, held, running] = await Promise.all([
    api.get('/v1/status', statusShape, signal),
    list(''),
    list('&state=held'),
    list('&state=running'),
  ]);
  const known = new Set(newest.operations.map(({ operation }) => operation.id));
  const others = [...held.operations, ...running.operations].filter(
    ({ operation }) => !known.has(operation.id),
  );
  const carriedOut = new Set(newest.operations.map(({ operation }) => operation.plan?.of));
  const candidates = newest.operations
    .filter(
      ({ operation: { action, state, id, parentId } }) =>
        action === 'plan' && state === 'observed' && !carriedOut.has(id) && !parentId,
    )
    .slice(0, PLANS);
  const plans = await Promise.all(
    candidates.map(({ operation: { id } }) =>
      api.get(`/v1/operations/${encodeURIComponent(id)}/plan`, planShape, signal),
    ),
  );
  return {
    status,
    newest: newest.operations,
    others,
    plans: plans.filter(({ carriedOutBy }) => carriedOutBy === undefined),
    notice: newest.notice ?? held.notice ?? running.notice,
  };
}

/** One thing that a person must do, as a card. */
interface Need {
  readonly key: string;
  readonly tone: 'bad' | 'wait';
  readonly title: readonly Child[];
  readonly detail: readonly Child[];
}

export function overviewPage(seen: Overview, now: number): Child[] {
  const needs = needsOf(seen, now);
  return [
    h('h1', {}, 'Overview'),
    section(
      needs.length === 0 ? 'Nothing needs a person now' : `Needs a person now: ${needs.length}`,
      needs.length === 0 &&
        empty(
          'No operation is held, no message is dead-lettered, no plan waits for approval, and ' +
            'the propagator reports no problem.',
        ),
      needs.map(card),
    ),
    seen.notice !== undefined && h('p', { class: 'note' }, seen.notice),
    section('Operations by state', states(seen)),
    section('Propagator', health(seen.status)),
  ];
}

const card = ({ key, tone, title, detail }: Need): El =>
  h(
    'div',
    { class: `card ${tone}`, 'data-key': key },
    h(
      'h3',
      {},
      h('span', { 'aria-hidden': 'true', class: 'mark' }, tone === 'bad' ? '✗' : '!'),
      ...title,
    ),
    ...detail,
  );

/** What a person must do, the most severe first. */
function needsOf({ status, newest, others, plans }: Overview, now: number): Need[] {
  const all = [...newest, ...others];
  const dead = Object.entries(status.queues).filter(([, queue]) => queue.dead > 0);
  const deadCount = dead.reduce((total, [, queue]) => total + queue.dead, 0);
  const [stuck, waiting] = [true, false].map((isDead) =>
    all.filter((one) => needsPerson(one) && one.waitsOn.some((w) => w.deadLetter) === isDead),
  );
  return [
    ...(status.stopped ? [stopNeed(status.stopped, now)] : []),
    ...(status.ok ? [] : [healthNeed()]),
    ...(deadCount > 0
      ? [
          deadNeed(
            deadCount,
            dead.map(([queue]) => queue),
          ),
        ]
      : []),
    ...(stuck ?? []).map((one) => operationNeed(one, 'bad', now)),
    ...(status.enabledDuringHold > 0
      ? [
          need(
            'enabled',
            'bad',
            [
              `${counted(status.enabledDuringHold, 'project')} held suspended, but enabled in ` +
                'Keystone',
            ],
            [h('p', {}, link('#/holds', 'See the holds'))],
          ),
        ]
      : []),
    ...(waiting ?? []).map((one) => operationNeed(one, 'wait', now)),
    ...plans.map((plan) => planNeed(plan, now)),
    ...(status.suspicious > 0
      ? [
          need(
            'suspicious',
            'wait',
            [`${counted(status.suspicious, 'deletion')} held, because the account was never seen`],
            [commandLine('propagator suspicious list')],
          ),
        ]
      : []),
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
      commandLine(`propagator resume-all ${REASON}`),
    ],
  );

const healthNeed = (): Need =>
  need(
    'health',
    'bad',
    ['A part of the propagator does not work'],
    [h('p', {}, 'No notification may arrive. Find the part:'), commandLine('propagator status')],
  );

const deadNeed = (count: number, queues: readonly string[]): Need =>
  need(
    'dead',
    'bad',
    [link('#/dead-letters', `${counted(count, 'dead-letter message')}`)],
    [h('p', {}, `Given up in ${queues.join(', ')}. Each cause has its command there.`)],
  );

function operationNeed(seen: Operation, tone: Need['tone'], now: number): Need {
  const { operation, waitsOn } = seen;
  const first = waitsOn.find(({ actor }) => actor === 'operator') ?? waitsOn[0];
  return need(
    operation.id,
    tone,
    [
      operationLink(operation.id),
      ` ${operation.action} of ${accountOf(operation)} `,
      stateOf(operation.state),
    ],
    [
      h('p', {}, firstReason(seen), first && [' (for ', age(first.since, now), ')']),
      adviceOf(first?.advice),
      operation.state === 'held' &&
        !first?.advice?.includes('operation release') &&
        commandLine(`${command('operation release', operation.id)} ${REASON}`),
    ],
  );
}

const planNeed = (plan: Plan, now: number): Need =>
  need(
    plan.id,
    'wait',
    [
      operationLink(plan.id),
      ` plan of ${plan.scope.type} ${plan.scope.name ?? plan.scope.id} waits for approval`,
    ],
    [
      h(
        'p',
        {},
        `${counted(plan.resources, 'resource')}; ${plan.approvals.length} of ` +
          `${plan.approvalsNeeded} approvals; planned `,
        age(plan.openedAt, now),
        ' ago',
      ),
      plan.digest !== undefined &&
        commandLine(command('operation approve', plan.id, '--digest', plan.digest)),
    ],
  );

function states({ newest }: Overview): Child {
  if (newest.length === 0)
    return empty(
      'No operation yet. Delete a test project in Keystone, or plan one:',
      commandLine('propagator project plan PROJECT'),
    );
  const counts = Map.groupBy(newest, ({ operation }) => operation.state);
  const shown = [...STATES, ...counts.keys()].filter(
    (state, index, all) => counts.has(state) && all.indexOf(state) === index,
  );
  return [
    h(
      'ul',
      { class: 'tiles' },
      shown.map((state) =>
        h(
          'li',
          { 'data-key': state },
          h(
            'a',
            { href: `#/operations?state=${encodeURIComponent(state)}` },
            h('strong', {}, number(counts.get(state)?.length ?? 0)),
            ' ',
            stateOf(state),
          ),
        ),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      newest.length < NEWEST ? 'All operations.' : `The newest ${NEWEST} operations.`,
    ),
  ];
}

function health(status: Status): Child {
  const busy = Object.entries(status.queues).filter(
    ([, { ready, active, dead }]) => ready + active + dead > 0,
  );
  return h(
    'dl',
    { class: 'facts' },
    [
      ['Health', status.ok ? 'all parts work' : 'a part does not work'],
      ['Mode', status.mode ?? 'unknown'],
      ['Accounts known', number(status.accounts)],
      [
        'Queues',
        busy.length === 0
          ? 'empty'
          : busy
              .map(
                ([name, { ready, active, dead }]) =>
                  `${name}: ${ready} ready, ${active} active${dead > 0 ? `, ${dead} dead` : ''}`,
              )
              .join('; '),
      ],
    ].map(([name = '', value = '']) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
}
