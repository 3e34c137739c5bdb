import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** Lints a copy of the project with additional files. Returns the rules that each file breaks. */
function lint(files: Readonly<Record<string, string>>): Record<string, string[]> {
  const root = mkdtempSync(join(tmpdir(), 'boundaries-'));
  const broken: Record<string, string[]> = Object.fromEntries(
    Object.keys(files).map((path) => [path, []]),
  );
  try {
    for (const name of ['biome.json', 'package.json', 'tsconfig.json', 'lib', 'events'])
      cpSync(resolve(name), join(root, name), { recursive: true });
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
    const options = ['lint', '--vcs-enabled=false', '--colors=off', '--max-diagnostics=200'];
    execFileSync(resolve('node_modules/.bin/biome'), [...options, ...Object.keys(files)], {
      cwd: root,
      stdio: 'pipe',
    });
  } catch (failed) {
    const { stdout, stderr } = failed as { stdout?: Buffer; stderr?: Buffer };
    for (const [, path, rule] of `${stdout}${stderr}`.matchAll(
      /^(\S+?):\d+:\d+ lint\/\w+\/(\w+)/gm,
    ))
      broken[path ?? '']?.push(rule ?? '');
  } finally {
    rmSync(root, { recursive: true });
  }
  return broken;
}

const importing = (module: string): string =>
  `import * as wrong from '${module}';\nexport const use = wrong;\n`;

describe('the import boundaries', () => {
  it.each(['account', 'operation', 'task'])(
    'lib/%s may not import an SDK, a driver or another side, nor read the environment or a clock',
    (side) => {
      const otherSide = side === 'account' ? '../operation/model.ts' : '../account/inventory.ts';
      const forbidden = [
        'pg-boss',
        '@aws-sdk/client-sqs',
        'node:fs',
        '../openstack/cloud.ts',
        '../engine/port.ts',
        otherSide,
      ];
      const imports = Object.fromEntries(
        forbidden.map((module, n) => [`lib/${side}/wrong${n}.ts`, importing(module)]),
      );
      const broken = lint({
        ...imports,
        [`lib/${side}/environment.ts`]: 'export const use = process.env.HOME;\n',
        [`lib/${side}/clock.ts`]: 'export const use = Date.now();\n',
        [`lib/${side}/right.ts`]:
          "import * as z from 'zod';\nimport { ProjectId } from '../../events/ids.ts';\nexport const use = [z, ProjectId];\n",
      });
      for (const path of Object.keys(imports))
        expect([path, broken[path]]).toEqual([path, ['noRestrictedImports']]);
      expect(broken[`lib/${side}/environment.ts`]).toEqual(
        expect.arrayContaining(['noProcessEnv']),
      );
      expect(broken[`lib/${side}/clock.ts`]).toEqual(['noRestrictedGlobals']);
      expect(broken[`lib/${side}/right.ts`]).toEqual([]);
    },
  );

  it('a service file may not import the OpenStack client or the engine', () => {
    const broken = lint({
      'lib/services/wrong.ts': importing('../openstack/connect.ts'),
      'lib/services/nova/wrong.ts': importing('../../engine/port.ts'),
      'lib/services/right.ts': importing('../task/service.ts'),
    });
    expect(broken).toEqual({
      'lib/services/wrong.ts': ['noRestrictedImports'],
      'lib/services/nova/wrong.ts': ['noRestrictedImports'],
      'lib/services/right.ts': [],
    });
  });

  it('forbids cycles', () => {
    const broken = lint({
      'lib/cli/one.ts': "import { two } from './two.ts';\nexport const one = () => two;\n",
      'lib/cli/two.ts': "import { one } from './one.ts';\nexport const two = () => one;\n",
    });
    expect(broken).toEqual({
      'lib/cli/one.ts': ['noImportCycles'],
      'lib/cli/two.ts': ['noImportCycles'],
    });
  });
});
