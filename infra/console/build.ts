// npm run console: bundles the TypeScript of the web console into console/static/console.js. The
// repository contains the bundle, so that an installation needs no build. With `--check`, this
// program writes nothing, and ends with the exit code 1 if the bundle is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

const ROOT = resolve(import.meta.dirname, '../..');
const BUNDLE_FILE = join(ROOT, 'console/static/console.js');

const { outputFiles } = await build({
  entryPoints: [join(ROOT, 'console/main.ts')],
  absWorkingDir: ROOT,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  charset: 'utf8',
  banner: { js: '// Made by `npm run console` from console/*.ts. Do not edit.' },
  write: false,
});
const code = outputFiles[0]?.text ?? '';
if (!process.argv.includes('--check')) writeFileSync(BUNDLE_FILE, code);
else if (code !== readFileSync(BUNDLE_FILE, 'utf8')) {
  process.stderr.write('console/static/console.js is out of date. Run: npm run console\n');
  process.exitCode = 1;
}
