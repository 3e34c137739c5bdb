import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { SERVICES } from '../../lib/services/index.ts';
import { FOLDER, pages } from './pages.ts';

/** `npm run docs`: writes a page for every service, and removes those of services that are gone. */
const made = await pages(SERVICES);
mkdirSync(FOLDER, { recursive: true });
for (const file of readdirSync(FOLDER)) if (!made.has(file)) rmSync(`${FOLDER}/${file}`);
for (const [file, text] of made) writeFileSync(`${FOLDER}/${file}`, text);
console.log(`${made.size} pages in ${FOLDER}`);
