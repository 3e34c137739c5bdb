import { commandsIn } from './command.ts';
import { type Child, type El, h } from './element.ts';
import { doneShare, durationText, numberText, timeText } from './format.ts';
import { markOf, toneOf } from './states.ts';

/** A state: its word with a mark and a color. */
export const stateElement = (state: string): El =>
  h(
    'span',
    { class: `state ${toneOf(state)}` },
    h('span', { 'aria-hidden': 'true', class: 'mark' }, markOf(state)),
    state,
  );

/** A command line with a button that copies it. */
export const commandLine = (line: string, about?: string): El =>
  h(
    'div',
    { class: 'command' },
    h(
      'code',
      { tabindex: '0' },
      line.split(' ').map((word, index) => [index > 0 && ' ', h('span', { class: 'word' }, word)]),
    ),
    h(
      'button',
      { type: 'button', 'data-copy': line, 'aria-label': `Copy: ${about ?? line}` },
      'Copy',
    ),
  );

/** The `advice` text of an answer, with a copy button for each command in it. */
export const adviceElements = (advice: string | undefined): Child =>
  advice !== undefined &&
  advice !== '' && [
    h('p', { class: 'advice' }, advice),
    commandsIn(advice).map((line) => commandLine(line)),
  ];

/** A progress bar with its percentage; a text in place of the bar if no resource was found. */
export const bar = (
  counts: { readonly found: number; readonly left: number },
  about: string,
): El => {
  const done = doneShare(counts);
  if (done === undefined) return h('span', { class: 'bar note' }, 'none found');
  const percent = Math.floor(done * 100);
  return h(
    'span',
    { class: 'bar' },
    h('progress', { max: '100', value: String(percent), 'aria-label': `${about}: ${percent} %` }),
    h('span', { class: 'percent', 'aria-hidden': 'true' }, `${percent} %`),
  );
};

/** Text of any length in a table. It wraps at any character, so that it never widens the page. */
export const wrapped = (text: string): El => h('span', { class: 'free' }, text);

export interface Column<Row> {
  readonly title: string;
  readonly isNumber?: boolean;
  /** A column that identifies the row. */
  readonly isHead?: boolean;
  cell(row: Row): Child;
}

/** A table. On a narrow screen each row becomes a block, and each cell shows its title. */
export function table<Row>(
  caption: string,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  keyOf?: (row: Row, index: number) => string,
): El {
  const classOf = ({ isNumber }: Column<Row>) => (isNumber ? 'number' : undefined);
  return h(
    'div',
    { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: '0' },
    h(
      'table',
      {},
      h('caption', { class: 'unseen' }, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          columns.map((one) => h('th', { scope: 'col', class: classOf(one) }, one.title)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.map((row, index) =>
          h(
            'tr',
            { 'data-key': keyOf?.(row, index) },
            columns.map((one) =>
              h(
                one.isHead ? 'th' : 'td',
                { scope: one.isHead && 'row', class: classOf(one), 'data-title': one.title },
                one.cell(row),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

export const amount = (value: number | undefined): string =>
  value === undefined ? '-' : numberText(value);

/** The age of a time. The time itself is the tooltip. */
export const age = (millis: number | undefined, now: number): Child =>
  millis === undefined
    ? '-'
    : h('time', { title: timeText(millis) }, durationText(Math.max(0, now - millis)));

export const section = (title: string, ...children: readonly Child[]): El =>
  h('section', { 'data-key': `section ${title}` }, h('h2', {}, title), children);

/** A text in place of an empty list. */
export const empty = (...text: readonly Child[]): El => h('p', { class: 'empty' }, ...text);

export const link = (href: string, text: string): El => h('a', { href }, text);
export const operationLink = (id: string): El =>
  h('a', { href: `#/operations/${encodeURIComponent(id)}`, class: 'id' }, id);

/** Facts as a list of names and values. An absent value is left out. */
export const facts = (rows: readonly (readonly [string, Child])[]): El =>
  h(
    'dl',
    { class: 'facts' },
    rows
      .filter(([, value]) => value !== undefined && value !== false && value !== '')
      .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))),
  );
