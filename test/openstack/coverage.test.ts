import {
  databaseSocket,
  readCascades,
  readColumns,
  snapshot,
} from '../docs/project-columns/columns.ts';
import {
  readDispositions,
  readReasons,
  undisposed,
  withoutReason,
} from '../docs/project-columns/dispositions.ts';
import { cloudPython, readCollections, routesSnapshot } from '../docs/routes/collections.ts';
import { readRoutes } from '../docs/routes/dispositions.ts';

/**
 * Compares the tables and the APIs of this cloud with docs/coverage.md, which shows the new columns
 * and collections of a new release. If the database or the code of the services is not reachable,
 * the test reports it and compares nothing.
 */
const socket = databaseSocket(process.env);

it('has no column that names a project and that docs/coverage.md does not explain', async () => {
  if (socket === undefined)
    return console.log('no database: name its socket with OPENSTACK_TEST_DATABASE');
  expect(undisposed(readDispositions(), await readColumns(socket))).toEqual([]);
});

it('has in each service the columns that were recorded for one of its releases', async () => {
  if (socket === undefined) return;
  const releases = Object.values(snapshot());
  // If this fails, run `node test/docs/project-columns/read.ts RELEASE SOCKET` and then `npm run
  // docs`.
  for (const [service, columns] of Object.entries(await readColumns(socket)))
    expect([service, releases.map((release) => release[service])]).toEqual([
      service,
      expect.arrayContaining([columns]),
    ]);
});

it('has no deletion that reaches another project and that docs/coverage.md does not explain', async () => {
  if (socket === undefined) return;
  const found = await readCascades(socket);
  expect(found.neutron).toContain('securitygrouprules.remote_group_id');
  expect(withoutReason(readReasons(), found)).toEqual([]);
});

const python = cloudPython(process.env);

it('has no API collection that docs/coverage.md does not explain, and those of a recorded release', async () => {
  if (python === undefined)
    return console.log('no code of the services: name its Python with OPENSTACK_TEST_PYTHON');
  const found = await readCollections(python);
  expect(undisposed(readRoutes(), found)).toEqual([]);
  // If this fails, run `node test/docs/routes/read.ts RELEASE PYTHON` and then `npm run docs`.
  const releases = Object.values(routesSnapshot());
  for (const [service, collections] of Object.entries(found))
    expect([service, releases.map((release) => release[service])]).toEqual([
      service,
      expect.arrayContaining([collections]),
    ]);
}, 1_800_000);
