import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A small house with one wrong brick; what the linter says of it. */
function lint(files: Readonly<Record<string, string>>): string {
  const house = mkdtempSync(join(tmpdir(), 'boundaries-'));
  try {
    for (const name of ['biome.json', 'package.json', 'tsconfig.json', 'lib', 'events'])
      cpSync(resolve(name), join(house, name), { recursive: true });
    symlinkSync(resolve('node_modules'), join(house, 'node_modules'));
    for (const [path, text] of Object.entries(files)) writeFileSync(join(house, path), text);
    execFileSync(resolve('node_modules/.bin/biome'), ['lint', '--vcs-enabled=false', '--colors=off', ...Object.keys(files)], {
      cwd: house,
      stdio: 'pipe',
    });
    return '';
  } catch (failed) {
    const { stdout, stderr } = failed as { stdout?: Buffer; stderr?: Buffer };
    return `${stdout}${stderr}`;
  } finally {
    rmSync(house, { recursive: true });
  }
}

describe('the boundaries of the house', () => {
  it.each(['account', 'operation', 'cleanup'])(
    'lib/%s may not import an SDK, a driver, another side, nor read the environment or a clock',
    (side) => {
      const forbidden = [
        'pg-boss',
        '@aws-sdk/client-sqs',
        'node:fs',
        '../openstack/cloud.ts',
        '../engine/port.ts',
        side === 'account' ? '../operation/model.ts' : '../account/inventory.ts',
      ];
      for (const module of forbidden)
        expect(lint({ [`lib/${side}/wrong.ts`]: `import * as wrong from '${module}';\nexport const use = wrong;\n` })).toContain(
          'noRestrictedImports',
        );
      expect(lint({ [`lib/${side}/wrong.ts`]: 'export const use = process.env.HOME;\n' })).toMatch(/noProcessEnv|noRestrictedGlobals/);
      expect(lint({ [`lib/${side}/wrong.ts`]: 'export const use = Date.now();\n' })).toContain('noRestrictedGlobals');
    },
  );
  it('allows the core what it needs', () => {
    const right = "import * as z from 'zod';\nimport { ProjectId } from '../../events/ids.ts';\nexport const use = [z, ProjectId];\n";
    expect(lint({ 'lib/cleanup/right.ts': right })).toBe('');
  });
  it('a service file reaches OpenStack only through what it is given', () => {
    const wrong = "import { connectCloud } from '../openstack/connect.ts';\nexport const use = connectCloud;\n";
    expect(lint({ 'lib/services/wrong.ts': wrong })).toContain('noRestrictedImports');
  });
  it('forbids cycles', () => {
    const cycle = {
      'lib/cli/one.ts': "import { two } from './two.ts';\nexport const one = () => two;\n",
      'lib/cli/two.ts': "import { one } from './one.ts';\nexport const two = () => one;\n",
    };
    expect(lint(cycle)).toContain('noImportCycles');
  });
});
