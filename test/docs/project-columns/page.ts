import { joined, table } from '../markdown.ts';
import type { Columns, Snapshot } from './columns.ts';
import { type Disposition, dispositionOf, type readDispositions } from './dispositions.ts';

/** Where the page is, from the root of this repository. */
export const COVERAGE_PAGE = 'docs/coverage.md';

type Dispositions = ReturnType<typeof readDispositions>;

function told(disposition: Disposition | undefined): string {
  if (disposition === undefined) return '**not examined**';
  const names = (types: readonly string[]): string => types.map((type) => `\`${type}\``).join(', ');
  if ('covered' in disposition) return `covered by ${names(disposition.covered)}`;
  if ('with' in disposition) return `removed by the service with ${names(disposition.with)}`;
  if ('keystone' in disposition) return 'removed by Keystone with the project';
  if ('kept' in disposition) return `stays: ${disposition.kept}`;
  return `not of the project: ${disposition.none}`;
}

function section(service: string, snapshot: Snapshot, dispositions: Dispositions): string {
  const releases = Object.keys(snapshot).sort();
  const columnsIn = (release: string): readonly string[] => snapshot[release]?.[service] ?? [];
  const there = releases.filter((release) => columnsIn(release).length > 0);
  const columns = [...new Set(there.flatMap(columnsIn))].sort();
  return joined([
    `## ${service}`,
    table(
      ['column', ...there, 'rows of a deleted project'],
      columns.map((column) => [
        `\`${column}\``,
        ...there.map((release) => (columnsIn(release).includes(column) ? 'yes' : '')),
        told(dispositionOf(dispositions, service, column)),
      ]),
    ),
  ]).trimEnd();
}

const count = (columns: Columns): number => Object.values(columns).flat().length;

/** The text of the page. The same for every run. */
export function coveragePage(snapshot: Snapshot, dispositions: Dispositions): string {
  const releases = Object.keys(snapshot).sort();
  const services = [...new Set(releases.flatMap((one) => Object.keys(snapshot[one] ?? {})))].sort();
  const totals = releases.map((one) => `${one}: ${count(snapshot[one] ?? {})} columns`);
  return joined([
    '<!-- Made by `npm run docs` from test/docs/project-columns. A test fails if it is changed by hand. -->',
    '# What names a project in the tables of each release',
    'This page lists every column that names a project in the databases of the releases on which the suite runs ' +
      `(${totals.join(', ')}). For each column it says what becomes of the rows of a deleted project.`,
    'The suite on a real cloud reads the same columns again. It fails if a release has a column that this page does not explain. ' +
      'To add a release: start it, run `node test/docs/project-columns/read.ts RELEASE SOCKET`, ' +
      'explain the new columns in `test/docs/project-columns/dispositions.yaml`, and run `npm run docs`.',
    'Swift has no such tables: everything in it stands under the account of a project, and is covered by `account`, `container` and `object`. ' +
      'Zaqar keeps messages and subscriptions in a store of its own, below the queue that they belong to.',
    ...services.map((service) => section(service, snapshot, dispositions)),
  ]);
}
