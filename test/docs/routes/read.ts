import { writeFileSync } from 'node:fs';
import { undisposed } from '../project-columns/dispositions.ts';
import { ROUTES_FILE, readCollections, routesSnapshot } from './collections.ts';
import { readRoutes } from './dispositions.ts';

/**
 * `node test/docs/routes/read.ts RELEASE PYTHON`: reads the API collections of every service that
 * this interpreter has, and records them for this release.
 */
const [release, python] = process.argv.slice(2);
if (release === undefined || python === undefined) {
  console.error('usage: node test/docs/routes/read.ts RELEASE PYTHON');
  process.exit(2);
}
const collections = await readCollections(python);
writeFileSync(
  ROUTES_FILE,
  `${JSON.stringify({ ...routesSnapshot(), [release]: collections }, undefined, 2)}\n`,
);
console.log(`${Object.values(collections).flat().length} collections of ${release} recorded`);
for (const collection of undisposed(readRoutes(), collections))
  console.log(`not examined: ${collection}`);
