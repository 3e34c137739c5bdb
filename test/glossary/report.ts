/**
 * Prints the replaced words of files or folders: `node test/glossary/report.ts lib/cli`. With
 * `--record`, stores the present numbers as the baseline.
 */
import { writeBaseline } from './baseline.ts';
import { findings } from './findings.ts';

const paths = process.argv.slice(2);
const all = findings();
const shown = all.filter(({ path }) => paths.some((one) => path.startsWith(one)));
for (const { path, line, word, use } of shown)
  process.stdout.write(`${path}:${line} ${word} -> ${use}\n`);
process.stdout.write(`${shown.length} replaced words, ${all.length} in the whole project\n`);
if (paths.includes('--record')) writeBaseline(all);
