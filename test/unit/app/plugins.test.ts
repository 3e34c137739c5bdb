import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { loadPlugins, resolvePlugins } from '../../../lib/app/plugins.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { readSettings } from '../../../lib/shared/settings.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { defineService } from '../../../lib/task/service.ts';
import { contextOf } from '../task/context.ts';

const builtInServices = [
  defineService({ name: 'nova', catalogTypes: ['compute'], noProjectResources: 'a test' }),
  defineService({
    name: 'gnocchi',
    catalogTypes: ['metric'],
    noProjectResources: 'a test',
    offByDefault: 'billing evidence',
  }),
];
const moduleText = (definition: string): string =>
  `export default ({ defineService }) => defineService({ noProjectResources: 'a test', ${definition} });`;

describe('PROPAGATOR_SERVICE_MODULES', () => {
  let folder: string;
  let moduleCount = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'modules-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const writeModule = (text: string, extension = 'mjs'): string => {
    moduleCount += 1;
    const path = join(folder, `module${moduleCount}.${extension}`);
    writeFileSync(path, text);
    return path;
  };
  const refusalOf = async (...paths: string[]): Promise<string> => {
    const thrown = await loadPlugins(builtInServices, paths).catch((error: unknown) => error);
    if (!(thrown instanceof PropagatorError)) throw new Error('the module was accepted');
    expect(thrown.report).toMatchObject({ code: 'settings.service-module', class: 'Denied' });
    for (const path of paths) expect(thrown.message).toContain(path);
    return thrown.message;
  };

  it('adds a service, or a function that creates one, in JavaScript or TypeScript', async () => {
    const text = `export default ({ defineService, defineType, PropagatorError, z }: { [tool: string]: any }) => defineService({
      name: 'billing', catalogTypes: [], resourceTypes: [defineType({
        name: 'subscription',
        list: async ({ project }) => z.array(z.object({ id: z.string() })).parse([{ id: project }]),
        id: (row) => row.id,
        owner: (row) => row.id,
        remove() { throw new PropagatorError({ code: 'billing.no', class: 'Denied', message: 'no', advice: 'Ask.' }); },
      })] });`;
    const url = pathToFileURL(resolve('lib/task/service.ts')).href;
    const moduleWithImport = `import { defineService } from '${url}';
      export default defineService({ name: 'cmdb', catalogTypes: [], noProjectResources: 'a test' });`;
    const services = await loadPlugins(builtInServices, [
      writeModule(text, 'ts'),
      writeModule(moduleWithImport, 'js'),
      writeModule(moduleText(`name: 'late', catalogTypes: []`)),
    ]);
    expect(services.map(({ name }) => name)).toEqual([
      'nova',
      'gnocchi',
      'billing',
      'cmdb',
      'late',
    ]);
    const context = { ...contextOf(), once: createMemoize() };
    const listing = await services[2]?.resourceTypes[0]?.list(context);
    expect(listing?.resources).toMatchObject([{ id: 'target', owner: 'target' }]);
    expect(() => listing?.resources[0]?.remove()).toThrow(PropagatorError);
  });

  it('loads nothing when it is empty', async () => {
    expect(await loadPlugins(builtInServices, [])).toEqual(builtInServices);
  });

  it('stops the start when a module is missing, broken or throws, and names the module', async () => {
    expect(await refusalOf(join(folder, 'absent.mjs'))).toMatch(/absent\.mjs/);
    expect(await refusalOf(writeModule('export default ('))).toMatch(/:/);
    expect(
      await refusalOf(writeModule('export default () => { throw new Error("no BILLING_URL"); };')),
    ).toContain('no BILLING_URL');
    expect(
      await refusalOf(writeModule(moduleText(`name: 'Wrong Name', catalogTypes: []`))),
    ).toMatch(/:/);
  });

  it.each([
    ['nothing', 'export const service = 1;'],
    ['something else', 'export default { name: "billing" };'],
    ['nothing by its function', 'export default () => undefined;'],
  ])('stops the start when a module exports %s', async (_title, text) => {
    expect(await refusalOf(writeModule(text))).toContain('not a service');
  });

  it('stops the start when the suspension of a service has not the fields of this release', async () => {
    const service = (suspension: string): string =>
      writeModule(moduleText(`name: 'billing', catalogTypes: [], suspension: ${suspension}`));
    expect(await refusalOf(service('{ after: [], types: [] }'))).toContain('is not a service');
    const accepted = service('{ suspendAfter: [], types: [] }');
    expect(await loadPlugins(builtInServices, [accepted])).toHaveLength(3);
  });

  it('stops the start when a name or a catalog type exists already, also in another module', async () => {
    expect(await refusalOf(writeModule(moduleText(`name: 'nova', catalogTypes: []`)))).toContain(
      'nova',
    );
    expect(
      await refusalOf(
        writeModule(moduleText(`name: 'metering', catalogTypes: ['telemetry', 'metric']`)),
      ),
    ).toContain('as service gnocchi');
    const first = writeModule(moduleText(`name: 'billing', catalogTypes: []`));
    const second = writeModule(moduleText(`name: 'billing', catalogTypes: []`));
    const thrown = await loadPlugins(builtInServices, [first, second]).catch(
      (error: unknown) => error,
    );
    expect(String(thrown)).toContain(second);
    expect(String(thrown)).toContain('as service billing');
  });

  it('stops the start when the dependencies have a cycle', async () => {
    const required = (name: string) =>
      `dependsOn: [{ services: ['${name}'], strength: 'required', until: 'done' }]`;
    const one = writeModule(moduleText(`name: 'billing', catalogTypes: [], ${required('cmdb')}`));
    const other = writeModule(moduleText(`name: 'cmdb', catalogTypes: [], ${required('billing')}`));
    expect(await refusalOf(one, other)).toMatch(
      /the dependencies form a cycle among billing, cmdb/,
    );
  });
});

describe('PROPAGATOR_INCLUDE_SERVICES and PROPAGATOR_REMOTE_SERVICES', () => {
  const resolveFrom = (environment: Record<string, string>) =>
    resolvePlugins(readSettings(environment), builtInServices);

  it('name the enabled services and the URLs of HTTP plugins', () => {
    expect(resolveFrom({})).toEqual({ optedInServices: [], httpPlugins: [] });
    expect(
      resolveFrom({
        PROPAGATOR_INCLUDE_SERVICES: 'gnocchi',
        PROPAGATOR_REMOTE_SERVICES:
          'cmdb+suspend+resume=http://127.0.0.1:9000/tasks?a=b, crm=https://crm.example/',
      }),
    ).toEqual({
      optedInServices: ['gnocchi'],
      httpPlugins: [
        {
          name: 'cmdb',
          url: 'http://127.0.0.1:9000/tasks?a=b',
          actions: ['suspend', 'resume'],
        },
        { name: 'crm', url: 'https://crm.example/', actions: [] },
      ],
    });
  });

  it.each([
    [
      { PROPAGATOR_INCLUDE_SERVICES: 'nova' },
      /^PROPAGATOR_INCLUDE_SERVICES: nova cannot be included; services that are off by default: gnocchi$/,
    ],
    [
      { PROPAGATOR_CONCURRENCY: 'nvoa=4' },
      /^PROPAGATOR_CONCURRENCY: there is no service nvoa; the services are: /,
    ],
    [{ PROPAGATOR_INCLUDE_SERVICES: 'gnochi' }, /^PROPAGATOR_INCLUDE_SERVICES: gnochi /],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'nova=http://127.0.0.1/' },
      /^PROPAGATOR_REMOTE_SERVICES: a service nova already exists$/,
    ],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'a1=http://127.0.0.1/,a1=http://127.0.0.2/' },
      /^PROPAGATOR_REMOTE_SERVICES: a service a1 already exists/,
    ],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'cmdb+suspend=http://127.0.0.1/' },
      /^PROPAGATOR_REMOTE_SERVICES: cmdb\+suspend: .* write both suspend and resume, or neither/,
    ],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'cmdb+archive=http://127.0.0.1/' },
      /^PROPAGATOR_REMOTE_SERVICES: cmdb\+archive: the actions can be suspend, resume, provision/,
    ],
    [{ PROPAGATOR_REMOTE_SERVICES: 'cmdb' }, /^PROPAGATOR_REMOTE_SERVICES: write name=url pairs/],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'cmdb=ftp://127.0.0.1/' },
      /^PROPAGATOR_REMOTE_SERVICES: write name=url pairs/,
    ],
    [
      { PROPAGATOR_REMOTE_SERVICES: 'CMDB=http://127.0.0.1/' },
      /^PROPAGATOR_REMOTE_SERVICES: write name=url pairs/,
    ],
  ])('%j stop the start with one line', (environment, line) => {
    expect(() => resolveFrom(environment as Record<string, string>)).toThrow(line);
  });
});
