import { execFileSync } from 'node:child_process';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { bundle } from '../../../../infra/aws/bundle/bundle.ts';
import { stackOf } from '../../../../infra/aws/template/stack.ts';
import { SERVICES } from '../../../../lib/services/index.ts';

jest.setTimeout(60_000);

const ROOT = join(import.meta.dirname, '../../../..');
const folder = mkdtempSync(join(tmpdir(), 'propagator-bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));
const bundles = await bundle(stackOf('test', {}));
const policy = join(folder, 'policy.yaml');
writeFileSync(
  policy,
  'version: 1\nrules: [{ match: { domain: a-domain-of-the-policy }, on: { project.disabled: { action: suspend } } }]\n',
);
const withPolicy = await bundle(stackOf('test', { PROPAGATOR_POLICY: policy }));
for (const { name, code, map } of bundles) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'index.mjs'), code);
  writeFileSync(join(folder, name, 'index.mjs.map'), map);
}

/** The output of a script in a process with the environment of Lambda. */
function inLambda(script: string): unknown {
  const args = [
    '--enable-source-maps',
    '--input-type=module',
    '--eval',
    `console.log(JSON.stringify(await (${script})()));`,
  ];
  return JSON.parse(
    execFileSync(process.execPath, args, {
      encoding: 'utf8',
      cwd: folder,
      env: { PATH: process.env.PATH },
    }),
  );
}

describe('the bundles of the functions', () => {
  it('all start', () => {
    const names = bundles.map(({ name }) => name);
    const holding = SERVICES.filter(
      ({ resourceTypes, userResourceTypes }) => resourceTypes.length + userResourceTypes.length > 0,
    );
    expect(names).toEqual(
      expect.arrayContaining([
        'ingest',
        'coordinate',
        'api',
        'sweep',
        ...holding.map(({ name }) => `service-${name}`),
      ]),
    );
    const started = inLambda(`async () => {
      const handlers = [];
      for (const name of ${JSON.stringify(names)}) handlers.push([name, typeof (await import('${folder}/' + name + '/index.mjs')).handler]);
      return handlers;
    }`);
    expect(started).toEqual(names.map((name) => [name, 'function']));
  });

  it('contain the policy of the stack, in the functions that decide', () => {
    const texts = withPolicy.filter(({ code }) => code.includes('a-domain-of-the-policy'));
    expect(texts.map(({ name }) => name).toSorted()).toEqual(['api', 'coordinate', 'sweep']);
    expect(bundles.some(({ code }) => code.includes('a-domain-of-the-policy'))).toBe(false);
  });

  it('show the lines of the source files in a stack trace', () => {
    const stack = inLambda(`async () => {
      const { handler } = await import('${folder}/service-glance/index.mjs');
      return handler({ Records: 'none' }, {}).catch((error) => error.stack);
    }`);
    expect(stack).toMatch(/lib\/engine\/aws\/lambda\/middlewares\.ts:\d+/);
  });

  it('contain the code for dead-letter queues only in the API, and for polling only in the embedded process', () => {
    const filesWith = (pattern: RegExp) =>
      globSync('{functions,lib/api,lib/handlers,lib/app}/**/*.ts', { cwd: ROOT }).filter((file) =>
        pattern.test(readFileSync(join(ROOT, file), 'utf8')),
      );
    const files = filesWith(/\.(deadLetters|redrive|discard)\(/);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !file.startsWith('lib/api/'))).toEqual([]);
    expect(filesWith(/(?:[eE]ngine|queues)\.work\(/)).toEqual(['lib/app/embedded-workers.ts']);
  });
});
