import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { bundle } from '../../../lib/engine/aws/package/bundle.ts';
import { stackOf } from '../../../lib/engine/aws/template/stack.ts';
import { glance } from '../../../lib/services/glance.ts';

jest.setTimeout(60_000);

const folder = mkdtempSync(join(tmpdir(), 'propagator-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));
const bundles = await bundle(stackOf('test', {}, [glance]));

/** What a script prints in a process that runs as in Lambda, with the function as `handler`. */
function inLambda(name: string, script: string): unknown {
  const made = bundles.find((one) => one.name === name);
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, 'index.mjs'), made?.code ?? '');
  writeFileSync(join(home, 'index.mjs.map'), made?.map ?? '');
  const whole = `const { handler } = await import(${JSON.stringify(join(home, 'index.mjs'))}); console.log(JSON.stringify(await (${script})));`;
  const args = ['--enable-source-maps', '--input-type=module', '--eval', whole];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env.PATH } }));
}

describe('the bundle of a function', () => {
  it.each(['ingest', 'coordinate', 'service-glance', 'api', 'sweep'])('%s starts, and loads no undici, not even that of Node', (name) => {
    const script = `({ is: typeof handler, undici: process.moduleLoadList.filter((one) => /undici/.test(one)) })`;
    expect(inLambda(name, script)).toEqual({ is: 'function', undici: [] });
  });

  it('names our own lines in a stack trace', () => {
    const stack = inLambda('service-glance', `handler({ Records: 'none' }, {}).catch((error) => error.stack)`);
    expect(stack).toMatch(/lib\/engine\/aws\/function\/records\.ts:\d+/);
  });
});
