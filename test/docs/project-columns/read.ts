import { writeFileSync } from 'node:fs';
import { readColumns, SNAPSHOT_FILE, snapshot } from './columns.ts';
import { readDispositions, undisposed } from './dispositions.ts';

/**
 * `node test/docs/project-columns/read.ts RELEASE SOCKET`: reads the columns that name a project
 * from the database of a test cloud, and records them for this release.
 */
const [release, socket] = process.argv.slice(2);
if (release === undefined || socket === undefined) {
  console.error('usage: node test/docs/project-columns/read.ts RELEASE SOCKET');
  process.exit(2);
}
const columns = await readColumns(socket);
writeFileSync(
  SNAPSHOT_FILE,
  `${JSON.stringify({ ...snapshot(), [release]: columns }, undefined, 2)}\n`,
);
const unexplained = undisposed(readDispositions(), columns);
console.log(`${Object.values(columns).flat().length} columns of ${release} recorded`);
for (const column of unexplained) console.log(`not examined: ${column}`);
