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
import { routesSnapshot } from '../../docs/routes/collections.ts';
import { readRoutes } from '../../docs/routes/dispositions.ts';

const dispositions = readDispositions();
const reasons = readReasons();
const releases = snapshot();
const routes = { snapshot: routesSnapshot(), dispositions: readRoutes() };
const types = new Set<string>(
  SERVICES.flatMap(({ resourceTypes }) => resourceTypes.map(({ name }) => name)),
);

describe('the page of columns that name a project in each release', () => {
  it('explains every column that was read', () => {
    for (const columns of Object.values(releases))
      expect(undisposed(dispositions, columns)).toEqual([]);
  });

  it('explains no column that no release has', () => {
    expect(unused(dispositions, Object.values(releases))).toEqual([]);
  });

  it('names only resource types that exist', () => {
    expect(mentionedTypes(dispositions).filter((type) => !types.has(type))).toEqual([]);
  });

  it('is up to date (`npm run docs`)', () => {
    expect(readFileSync(COVERAGE_PAGE, 'utf8')).toBe(
      coveragePage(releases, dispositions, reasons, routes),
    );
  });

  it('shows a column of a next release that has no disposition', () => {
    const nextRelease = {
      neutron: ['networks.project_id', 'novelties.project_id'],
      novel: ['a.owner'],
    };
    expect(undisposed(dispositions, nextRelease)).toEqual([
      'neutron novelties.project_id',
      'novel a.owner',
    ]);
    expect(coveragePage({ nextRelease }, dispositions, {}, routes)).toMatch(
      /`novelties.project_id` .*not examined/,
    );
  });

  it('shows a foreign key of a next release that has no reason', () => {
    expect(withoutReason(reasons, { neutron: ['trunks.port_id', 'novelties.port_id'] })).toEqual([
      'neutron novelties.port_id',
    ]);
  });
});

describe('the page of API collections of each release', () => {
  it('explains every collection that was read', () => {
    for (const [release, collections] of Object.entries(routes.snapshot))
      expect([release, undisposed(routes.dispositions, collections)]).toEqual([release, []]);
  });

  it('explains no collection that no release has', () => {
    expect(unused(routes.dispositions, Object.values(routes.snapshot))).toEqual([]);
  });

  it('names only resource types that exist', () => {
    expect(mentionedTypes(routes.dispositions).filter((type) => !types.has(type))).toEqual([]);
  });

  it('shows a collection of a next release that has no entry', () => {
    const nextRelease = { zun: ['class containers.Containers', 'class novelties.Novelties'] };
    expect(undisposed(routes.dispositions, nextRelease)).toEqual(['zun class novelties.Novelties']);
    expect(
      coveragePage(releases, dispositions, reasons, { ...routes, snapshot: { nextRelease } }),
    ).toMatch(/`class novelties.Novelties` .*not examined/);
  });
});
