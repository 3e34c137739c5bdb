import { readFileSync } from 'node:fs';
import { SERVICES } from '../../../lib/services/index.ts';
import { snapshot } from '../../docs/project-columns/columns.ts';
import {
  mentionedTypes,
  readDispositions,
  readReasons,
  undisposed,
  unused,
  withoutReason,
} from '../../docs/project-columns/dispositions.ts';
import { COVERAGE_PAGE, coveragePage } from '../../docs/project-columns/page.ts';

const dispositions = readDispositions();
const reasons = readReasons();
const releases = snapshot();

describe('the page of columns that name a project in each release', () => {
  it('explains every column that was read', () => {
    for (const columns of Object.values(releases))
      expect(undisposed(dispositions, columns)).toEqual([]);
  });

  it('explains no column that no release has', () => {
    expect(unused(dispositions, Object.values(releases))).toEqual([]);
  });

  it('names only resource types that exist', () => {
    const types = new Set<string>(
      SERVICES.flatMap(({ resourceTypes }) => resourceTypes.map(({ name }) => name)),
    );
    expect(mentionedTypes(dispositions).filter((type) => !types.has(type))).toEqual([]);
  });

  it('is up to date (`npm run docs`)', () => {
    expect(readFileSync(COVERAGE_PAGE, 'utf8')).toBe(coveragePage(releases, dispositions, reasons));
  });

  it('shows a column of a next release that has no disposition', () => {
    const next = { neutron: ['networks.project_id', 'novelties.project_id'], novel: ['a.owner'] };
    expect(undisposed(dispositions, next)).toEqual([
      'neutron novelties.project_id',
      'novel a.owner',
    ]);
    expect(coveragePage({ next }, dispositions, {})).toMatch(
      /`novelties.project_id` .*not examined/,
    );
  });

  it('shows a foreign key of a next release that has no reason', () => {
    expect(withoutReason(reasons, { neutron: ['trunks.port_id', 'novelties.port_id'] })).toEqual([
      'neutron novelties.port_id',
    ]);
  });
});
