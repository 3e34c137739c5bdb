import { globSync, readFileSync } from 'node:fs';
import { ENDED_OPERATION_STATES, ENDED_TASK_STATES } from '../../../lib/operation/model.ts';
import { OPERATION_TRANSITIONS, TASK_TRANSITIONS } from '../../../lib/operation/transitions.ts';

const page = readFileSync('docs/architecture.md', 'utf8');

/** The section below this heading, without the sections that follow. */
const section = (heading: string): string => {
  const [, text = ''] = page.split(`\n### ${heading}\n`);
  return text.split(/\n##+ /)[0] ?? '';
};
/** The edges of the state diagram; mermaid allows no hyphen in the id of a state. */
const edgesOf = (text: string): string[] =>
  [...text.matchAll(/^ {2}(\S+) --> (\S+)$/gm)]
    .map(([, from = '', to = '']) => `${from} --> ${to}`.replaceAll('_', '-'))
    .toSorted();

const edgesOfTable = (table: Readonly<Record<string, readonly string[]>>): string[] =>
  Object.entries(table).flatMap(([from, all]) => all.map((to) => `${from} --> ${to}`));

describe.each([
  ['Operation', OPERATION_TRANSITIONS, 'confirming', ENDED_OPERATION_STATES],
  ['Task', TASK_TRANSITIONS, 'planning', ENDED_TASK_STATES],
] as const)('the states of docs/architecture.md: %s', (heading, table, firstState, endStates) => {
  const text = section(heading);

  it('have exactly the transitions of the code', () => {
    expect(edgesOf(text)).toEqual(
      [
        `[*] --> ${firstState}`,
        ...edgesOfTable(table),
        ...endStates.map((state) => `${state} --> [*]`),
      ].toSorted(),
    );
  });

  it('are explained', () => {
    const explained = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, state]) => state);
    expect(explained.toSorted()).toEqual(Object.keys(table).toSorted());
  });
});

describe('the folders of docs/architecture.md', () => {
  it('include exactly the folders of lib/', () => {
    const named = [...page.matchAll(/^\| `(lib\/[a-z]+)\/` \|/gm)].map(([, folder]) => folder);
    const existing = new Set(
      globSync('lib/*/**/*.ts').map((path) => path.split('/').slice(0, 2).join('/')),
    );
    expect(named.toSorted()).toEqual([...existing].toSorted());
  });
});
