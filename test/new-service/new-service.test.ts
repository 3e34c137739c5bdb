import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { jest } from '@jest/globals';
import { filesOf } from './files.ts';
import { refusal } from './refusal.ts';

jest.setTimeout(240_000);

describe('npm run new:service', () => {
  /** The folder of a copy of the project, in which the test may write files. */
  let copy: string;
  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'new-service-'));
    for (const name of [
      '.gitignore',
      'biome.json',
      'package.json',
      'tsconfig.json',
      'jest.config.js',
      'lib',
      'events',
      'test',
    ])
      cpSync(resolve(name), join(copy, name), { recursive: true });
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rmSync(copy, { recursive: true }));

  const run = (command: string, ...more: string[]): Promise<{ code: number; text: string }> =>
    new Promise((done) => {
      execFile(command, more, { cwd: copy }, (error, stdout, stderr) => {
        done({
          code: typeof error?.code === 'number' ? error.code : 0,
          text: `${stdout}${stderr}`,
        });
      });
    });
  const newService = (...words: string[]) =>
    run(process.execPath, 'test/new-service/new-service.ts', ...words);
  const read = (path: string): string => readFileSync(join(copy, path), 'utf8');
  const index = 'lib/services/index.ts';

  it('writes a service that passes the type check, the linter and the contract, and is in the index', async () => {
    const written = await newService(
      'cloud-storage',
      '--type',
      'storage,cloud-storages',
      '--resource-type',
      'storage-volume',
    );
    expect(written).toEqual({
      code: 0,
      text: expect.stringContaining('test/unit/services/cloud-storage.test.ts'),
    });
    const files = [
      'lib/services/cloud-storage.ts',
      'test/cloud/documented/cloud-storage.ts',
      'test/unit/services/cloud-storage.test.ts',
    ];
    expect(read(index)).toContain("import { cloudStorage } from './cloud-storage.ts';");
    writeFileSync(
      join(copy, 'tsconfig.new.json'),
      JSON.stringify({ extends: './tsconfig.json', include: [], files }),
    );
    const [types, lint, contract, order] = await Promise.all([
      run('node_modules/.bin/tsc', '-p', 'tsconfig.new.json'),
      run('node_modules/.bin/biome', 'check', ...files, index),
      run(
        process.execPath,
        '--experimental-vm-modules',
        'node_modules/jest/bin/jest.js',
        'test/unit/services/cloud-storage',
      ),
      run(
        process.execPath,
        '-e',
        `import('./${index}').then(({ SERVICES }) => console.log(SERVICES.at(-1)?.name, SERVICES.at(-1)?.catalogTypes.join()))`,
      ),
    ]);
    expect(types).toEqual({ code: 0, text: '' });
    expect(lint).toEqual({ code: 0, text: expect.stringContaining('Checked 4 files') });
    expect(contract).toEqual({
      code: 0,
      text: expect.stringMatching(/Tests: +1\d passed, 1\d total/),
    });
    expect(order).toEqual({ code: 0, text: 'cloud-storage storage,cloud-storages\n' });
  });

  it('writes a second service next to the first one', async () => {
    expect(await newService('ladder', '--type', 'ladder')).toMatchObject({ code: 0 });
    expect(read(index)).toMatch(/cloudStorage[\s\S]*ladder,?\s*\];/);
    expect(await run('node_modules/.bin/biome', 'check', index)).toMatchObject({ code: 0 });
  });

  it('writes nothing when it refuses', async () => {
    const before = read(index);
    expect(await newService('glance', '--type', 'pictures')).toEqual({
      code: 1,
      text: 'glance already exists, with image\n',
    });
    expect(await newService('pictures')).toEqual({
      code: 1,
      text: expect.stringContaining('--type'),
    });
    expect(read(index)).toBe(before);
    expect(() => read('lib/services/pictures.ts')).toThrow('ENOENT');
  });
});

describe('a new service', () => {
  const valid = { name: 'pictures', catalogTypes: ['pictures'], resourceType: 'picture' };
  it.each([
    ['the name of an existing service', { name: 'glance' }, 'glance already exists, with image'],
    [
      'a catalog type of an existing service',
      { catalogTypes: ['picture', 'image'] },
      'glance already exists, with image',
    ],
    [
      'a name with a capital',
      { name: 'Glance' },
      'Glance: a name must be a word of lower-case letters, digits and hyphens',
    ],
    [
      'a path',
      { name: '../glance' },
      '../glance: a name must be a word of lower-case letters, digits and hyphens',
    ],
    [
      'the name of the index file',
      { name: 'index' },
      'index: a name must be a word of lower-case letters, digits and hyphens',
    ],
    [
      'an empty catalog type',
      { catalogTypes: [''] },
      ': a catalog type must have the form load-balancer',
    ],
    [
      'a resource type with a quote',
      { resourceType: "a'b" },
      "a'b: a resource type must be a word of lower-case letters, digits and hyphens",
    ],
  ])('is refused with %s', (_title, changes, reason) => {
    expect(refusal({ ...valid, ...changes }, () => false)).toBe(reason);
  });

  it('is refused if one of its files exists, and accepted otherwise', () => {
    const existingFile = 'test/cloud/documented/pictures.ts';
    expect(refusal(valid, (path) => path === existingFile)).toBe(`${existingFile} already exists`);
    expect(refusal(valid, () => false)).toBeUndefined();
  });
});

describe('CONTRIBUTING.md', () => {
  it('shows how the generated files were changed, beginning with the generated text', () => {
    const [, diff = ''] =
      /```diff\n([\s\S]*?)```/.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? [];
    const written = filesOf({
      name: 'aodh',
      catalogTypes: ['alarm', 'alarming'],
      resourceType: 'alarm',
    })['lib/services/aodh.ts']?.split('\n');
    const unchangedOrRemoved = diff
      .split('\n')
      .flatMap((line) => (line.startsWith('+') ? [] : [line.slice(1)]));
    expect(unchangedOrRemoved.length).toBeGreaterThan(20);
    expect(unchangedOrRemoved.filter((line) => !written?.includes(line))).toEqual([]);
  });
});
