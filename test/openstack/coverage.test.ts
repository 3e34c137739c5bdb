import { databaseSocket, readColumns, snapshot } from '../docs/project-columns/columns.ts';
import { readDispositions, undisposed } from '../docs/project-columns/dispositions.ts';

/**
 * The tables of this cloud against docs/coverage.md. A new release shows its new columns here.
 * Where the database is out of reach there is nothing to compare, and the test says so.
 */
const socket = databaseSocket(process.env);

it('has no column that names a project and that docs/coverage.md does not explain', async () => {
  if (socket === undefined)
    return console.log('no database: name its socket with OPENSTACK_TEST_DATABASE');
  expect(undisposed(readDispositions(), await readColumns(socket))).toEqual([]);
});

it('has in each service the columns that were recorded for one of the releases', async () => {
  if (socket === undefined) return;
  const releases = Object.values(snapshot());
  // If this fails: `node test/docs/project-columns/read.ts RELEASE SOCKET`, then `npm run docs`.
  for (const [service, columns] of Object.entries(await readColumns(socket)))
    expect([service, releases.map((release) => release[service])]).toEqual([
      service,
      expect.arrayContaining([columns]),
    ]);
});
