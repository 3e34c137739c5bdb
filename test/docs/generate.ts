import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { costTables } from '../../bench/cost.ts';
import { openApiDocument } from '../../lib/api/openapi.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { withTables } from './markdown.ts';
import { FOLDER, pages } from './pages.ts';
import { snapshot } from './project-columns/columns.ts';
import { readDispositions, readReasons } from './project-columns/dispositions.ts';
import { COVERAGE_PAGE, coveragePage } from './project-columns/page.ts';
import { routesSnapshot } from './routes/collections.ts';
import { readRoutes } from './routes/dispositions.ts';

/**
 * `npm run docs`: writes a page for every service, the cost tables of docs/aws.md, docs/coverage.md
 * and the OpenAPI document. Removes the pages of services that no longer exist.
 */
const servicePages = await pages(SERVICES);
mkdirSync(FOLDER, { recursive: true });
for (const file of readdirSync(FOLDER)) if (!servicePages.has(file)) rmSync(`${FOLDER}/${file}`);
for (const [file, text] of servicePages) writeFileSync(`${FOLDER}/${file}`, text);
console.log(`${servicePages.size} pages in ${FOLDER}`);

const AWS = 'docs/aws.md';
writeFileSync(AWS, withTables(readFileSync(AWS, 'utf8'), await costTables()));
console.log(`the tables of costs in ${AWS}`);

const routes = { snapshot: routesSnapshot(), dispositions: readRoutes() };
writeFileSync(COVERAGE_PAGE, coveragePage(snapshot(), readDispositions(), readReasons(), routes));
console.log(`the columns and collections of a project in ${COVERAGE_PAGE}`);

const OPENAPI = 'docs/api/openapi.json';
writeFileSync(OPENAPI, `${JSON.stringify(openApiDocument(), undefined, 2)}\n`);
console.log(`the description of the HTTP API in ${OPENAPI}`);
