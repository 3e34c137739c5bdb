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

/**
 * Compares the tables of this cloud with docs/coverage.md, which shows the new columns of a new
 * release. If the database is not reachable, the test reports it and compares nothing.
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
