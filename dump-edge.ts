import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { phrasesOf } from './test/glossary/scan.ts';
const files = execFileSync('git', ['ls-files', ...process.argv.slice(2)], { encoding: 'utf8' }).split('\n').filter((f) => f.endsWith('.ts'));
for (const f of files) {
  const src = readFileSync(f, 'utf8').split('\n');
  const ls = new Set(phrasesOf(readFileSync(f, 'utf8')).filter((p) => !p.isName && p.text.trim().split(/\s+/).length > 1).map((p) => p.line));
  if (ls.size) { console.log(`# ${f}`); for (const l of ls) console.log(`${l}: ${src[l - 1]?.trim()}`); }
}
