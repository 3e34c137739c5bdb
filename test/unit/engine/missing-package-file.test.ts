import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it, jest } from '@jest/globals';

const FILES = ['pglite.wasm', 'initdb.wasm', 'pglite.data'];
const root = mkdtempSync(join(tmpdir(), 'propagator-package-'));
let packageFolder: string;
const require = { resolve: () => join(packageFolder, 'index.cjs') };
jest.unstable_mockModule('node:module', () => ({
  ...nodeModule,
  createRequire: (from: string) =>
    from.endsWith('/embedded.ts') ? require : nodeModule.createRequire(from),
}));
const create = jest.fn(() => Promise.reject(new Error('PGlite was called')));
jest.unstable_mockModule('@electric-sql/pglite', () => ({
  PGlite: class {
    static readonly defaultStartParams: readonly string[] = [];
    readonly waitReady = create();
  },
}));
const { openPostgresEngine } = await import('../../../lib/engine/postgres/open.ts');

describe('a package of the embedded database that lacks a file', () => {
  beforeEach(() => {
    create.mockClear();
    packageFolder = mkdtempSync(join(root, 'dist-'));
    for (const file of FILES) writeFileSync(join(packageFolder, file), '');
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const open = () => openPostgresEngine({ dataFolder: mkdtempSync(join(root, 'data-')) });

  it.each(FILES)('stops the start before PGlite reads %s', async (file) => {
    rmSync(join(packageFolder, file));
    await expect(open()).rejects.toMatchObject({
      report: {
        code: 'engine.installation',
        message: expect.stringContaining(join(packageFolder, file)),
        advice: expect.stringContaining('npm ci'),
      },
    });
    expect(create).not.toHaveBeenCalled();
  });

  it('does not count as damage if the data folder contains the installation', async () => {
    rmSync(join(packageFolder, 'pglite.wasm'));
    const options = { dataFolder: root, beginEmpty: true };
    await expect(openPostgresEngine(options)).rejects.toMatchObject({
      report: { code: 'engine.installation' },
    });
  });

  it('is complete otherwise: PGlite is called', async () => {
    await expect(open()).rejects.toThrow('PGlite was called');
  });
});
