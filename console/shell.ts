import type { ApiError } from './api.ts';
import { type Child, type El, h } from './element.ts';
import { capital, durationText } from './format.ts';
import type { Connection } from './live.ts';
import { adviceElements, commandLine, link } from './parts.ts';
import { PAGES, type Route } from './routes.ts';

const GET_TOKEN = 'openstack --os-system-scope all token issue -f value -c id';

/** The state of a browser tab. */
interface TabState {
  readonly hasToken: boolean;
  /** True if the tab shows data of the API. */
  readonly hasData: boolean;
}

/** The header: the navigation, the state of the data, and the button that logs out. */
export const header = (
  route: Route,
  connection: Connection | undefined,
  now: number,
  tab: TabState,
): (El | string)[] => [
  h('p', { class: 'brand' }, link('#/', 'keystone-propagator')),
  h(
    'nav',
    { 'aria-label': 'Pages of the console' },
    h(
      'ul',
      {},
      PAGES.map(([page, address, title]) =>
        h(
          'li',
          { 'data-key': page },
          h('a', { href: address, 'aria-current': isIn(route, page) && 'page' }, title),
        ),
      ),
    ),
  ),
  h(
    'div',
    { class: 'right' },
    // An unknown page reads no data.
    route.page !== 'unknown' && connectionText(connection, now, tab),
    tab.hasToken && logOutButton(),
  ),
];

const isIn = ({ page }: Route, link: string): boolean =>
  page === link || (page === 'operation' && link === 'operations');

const logOutButton = (): El => h('button', { type: 'button', 'data-action': 'logout' }, 'Log out');

/**
 * The state of the connection. A screen reader reads its text, but not the seconds until the next
 * attempt, which change each second.
 */
function connectionText(connection: Connection | undefined, now: number, tab: TabState): El {
  const [tone, text, nextAttempt] = describeConnection(connection, now, tab);
  return h(
    'p',
    { class: `connection ${tone}` },
    h('span', { role: 'status' }, text),
    nextAttempt !== undefined && h('span', { 'aria-hidden': 'true' }, ` ${nextAttempt}`),
  );
}

/** Returns the color of the state, its text, and the time until the next attempt. */
function describeConnection(
  connection: Connection | undefined,
  now: number,
  { hasData }: TabState,
): [tone: string, text: string, nextAttempt?: string] {
  if (!connection) return ['quiet', 'Loading'];
  if (connection.kind === 'live') return ['good', 'Live'];
  if (connection.kind === 'ended') return ['quiet', 'Ended: no change follows'];
  if (connection.kind === 'stopped') return ['bad', 'Not updated'];
  const wait = Math.max(0, connection.nextAt - now);
  const isLost = connection.error.kind === 'unreachable';
  const cause = isLost ? 'Connection lost' : 'The API reports an error';
  const text = hasData ? `${cause}: the shown data is old.` : `${cause}.`;
  return ['bad', text, `Next attempt in ${durationText(wait)}`];
}

/** An error in place of a page, with its advice. */
export const errorPage = ({ message, advice, kind }: ApiError): Child[] => [
  h('h1', {}, kind === 'missing' ? 'Not found' : 'This page cannot be shown'),
  h('div', { class: 'card bad' }, h('h3', {}, capital(message)), adviceElements(advice)),
  h('p', {}, link('#/', 'Go to the overview')),
];

export const unknownPage = (): Child[] => [
  h('h1', {}, 'Not found'),
  h('p', {}, 'The console has no page at this address. ', link('#/', 'Go to the overview')),
];

export const loadingPage = (): Child[] => [h('p', { class: 'empty' }, 'Loading…')];

/**
 * The login. `refused`: why the API refused the last token. Over an unsafe connection the page asks
 * for no token, because the network could read it.
 */
export function loginPage(refused: string | undefined, isSafe: boolean): Child[] {
  if (!isSafe)
    return [
      h('h1', {}, 'No login over plain HTTP'),
      h(
        'p',
        {},
        'The network could read your token. Set PROPAGATOR_API_CERT_FILE, or open a tunnel ' +
          'and use http://127.0.0.1:8787/console/ :',
      ),
      commandLine('ssh -L 8787:127.0.0.1:8787 HOST'),
    ];
  return [
    h('h1', {}, 'Log in'),
    refused !== undefined &&
      h('div', { class: 'card bad', role: 'alert' }, h('h3', {}, capital(refused))),
    h(
      'p',
      {},
      'The API requires a token of Keystone. The role reader is sufficient. To make a token:',
    ),
    commandLine(GET_TOKEN),
    h(
      'form',
      { class: 'login', 'data-form': 'login' },
      h('label', { for: 'token' }, 'Token'),
      h('input', {
        id: 'token',
        name: 'token',
        type: 'password',
        autocomplete: 'off',
        spellcheck: 'false',
        maxlength: '8192',
      }),
      h('button', { type: 'submit' }, 'Log in'),
    ),
    h(
      'p',
      { class: 'note' },
      'The console only reads. Log out at the end, because a browser restores the token with ' +
        'a reopened tab.',
    ),
  ];
}
