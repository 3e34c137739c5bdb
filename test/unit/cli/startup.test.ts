import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');
/** Prints the URL of each module when the process ends. */
const HOOK = `import { registerHooks } from 'node:module';
const urls = [];
registerHooks({
  load(url, context, next) {
    urls.push(url);
    return next(url, context);
  },
});
process.on('exit', () => process.stdout.write(urls.join('\\n')));`;

it('a command without a login loads neither the HTTP client of OpenStack nor the services', () => {
  const hook = `data:text/javascript,${encodeURIComponent(HOOK)}`;
  const command = ['--import', hook, 'lib/cli/propagator.ts', 'operation', '--help'];
  const loaded = execFileSync(process.execPath, command, { cwd: ROOT, encoding: 'utf8' });
  const modules = loaded.split('\n').filter((line) => line.startsWith('file:'));
  expect(modules.some((url) => url.endsWith('/lib/cli/command-line.ts'))).toBe(true);
  expect(modules.filter((url) => /\/node_modules\/undici\/|\/services\/nova/.test(url))).toEqual(
    [],
  );
});
