import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';

const PACKAGE_FILE = join(tmpdir(), 'no-such-package', 'dist', 'file');
const readPackageFile = () => readFile(PACKAGE_FILE);

jest.unstable_mockModule('@electric-sql/pglite', () => ({
  PGlite: class {
    static readonly defaultStartParams: readonly string[] = [];
    readonly waitReady = readPackageFile();
  },
}));
jest.unstable_mockModule('@electric-sql/pglite-prepopulatedfs', () => ({
  dataDir: readPackageFile,
}));
const { openPostgresEngine } = await import('../../../lib/engine/postgres/open.ts');

describe('an installation that lacks a file of the embedded database', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'propagator-installation-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const addDatabase = () => {
    const database = join(folder, 'postgres');
    for (const name of ['base', 'pg_wal', 'global'])
      mkdirSync(join(database, name), { recursive: true });
    for (const name of ['PG_VERSION', 'global/pg_control']) writeFileSync(join(database, name), '');
  };
  const error = {
    report: {
      code: 'engine.installation',
      message: expect.stringContaining(PACKAGE_FILE),
      advice: expect.stringContaining('npm ci'),
    },
  };

  it.each([
    ['a new database', () => undefined],
    ['an existing database', addDatabase],
  ])('stops the start with %s, and the error does not accuse the data folder', async (_, fill) => {
    fill();
    await expect(openPostgresEngine({ dataFolder: folder })).rejects.toMatchObject(error);
  });

  it('does not make --begin-empty replace the database', async () => {
    addDatabase();
    const before = mkdtempSync(join(tmpdir(), 'propagator-installation-'));
    cpSync(join(folder, 'postgres'), before, { recursive: true });
    const options = { dataFolder: folder, beginEmpty: true };
    await expect(openPostgresEngine(options)).rejects.toMatchObject(error);
    expect(readdirSync(folder).filter((name) => name.startsWith('postgres'))).toEqual(['postgres']);
    expect(readdirSync(join(folder, 'postgres'), { recursive: true }).toSorted()).toEqual(
      readdirSync(before, { recursive: true }).toSorted(),
    );
    rmSync(before, { recursive: true });
  });
});
