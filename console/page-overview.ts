import { type Child, type El, h } from './element.ts';
import { numberText } from './format.ts';
import { NEWEST_COUNT, type Overview } from './load-overview.ts';
import { type Need, needsOf } from './needs.ts';
import { listAddress, READ_LIMITS } from './operations.ts';
import { commandLine, empty, link, section, stateElement } from './parts.ts';
import type { Status } from './shapes.ts';
import { STATES } from './states.ts';

export function overviewPage(overview: Overview, now: number): Child[] {
  const needs = needsOf(overview, now);
  return [
    h('h1', {}, 'Overview'),
    section(
      needsTitle(needs.length, overview),
      needs.length === 0 &&
        empty(
          'No operation is held, no message is dead-lettered, no plan waits for approval, and ' +
            'the propagator reports no problem.',
        ),
      needs.map(needCard),
    ),
    extentNote(overview),
    overview.notice !== undefined && h('p', { class: 'note' }, overview.notice),
    section('Operations by state', stateTiles(overview)),
    section('Propagator', healthFacts(overview.status)),
  ];
}

const needsTitle = (count: number, { statesWithMore }: Overview): string =>
  count === 0
    ? `Nothing ${statesWithMore.length > 0 ? 'that was read ' : ''}needs a person now`
    : `Needs a person now: ${count}${statesWithMore.length > 0 ? ' or more' : ''}`;

/** A sentence about the extent of this page, if older operations may exist. */
const extentNote = ({ newest, statesWithMore }: Overview): Child =>
  newest.length >= NEWEST_COUNT &&
  h(
    'p',
    { class: 'note' },
    `This page considers the newest ${NEWEST_COUNT} operations. It also considers the newest ` +
      `${NEWEST_COUNT} in the state observed, and in each state that is not an end state.`,
    statesWithMore.length > 0 && ' See all: ',
    statesWithMore.map((state, index) => [
      index > 0 && ', ',
      link(listAddress({ state, limit: READ_LIMITS.max }), state),
    ]),
  );

const needCard = ({ key, tone, title, detail }: Need): El =>
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

function stateTiles({ newest }: Overview): Child {
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
            h('strong', {}, numberText(counts.get(state)?.length ?? 0)),
            ' ',
            stateElement(state),
          ),
        ),
      ),
    ),
    h(
      'p',
      { class: 'note' },
      newest.length < NEWEST_COUNT ? 'All operations.' : `The newest ${NEWEST_COUNT} operations.`,
    ),
  ];
}

function healthFacts(status: Status): Child {
  const busy = Object.entries(status.queues).filter(
    ([, { ready, active, dead }]) => ready + active + dead > 0,
  );
  return h(
    'dl',
    { class: 'facts' },
    [
      ['Health', status.ok ? 'all parts work' : 'a part does not work'],
      ['Mode', status.mode ?? 'unknown'],
      ['Accounts known', numberText(status.accounts)],
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
