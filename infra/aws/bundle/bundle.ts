import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import pLimit from 'p-limit';
import { SERVICES } from '../../../lib/services/index.ts';
import type { Service } from '../../../lib/task/service.ts';
import { functionsOf, zipPathOf } from '../template/functions.ts';
import type { Stack } from '../template/stack.ts';
import { zip } from './zip.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

export interface Bundle {
  readonly name: string;
  /** The minified code, without its source map. */
  readonly code: Buffer;
  readonly map: Buffer;
  readonly zip: Buffer;
}

/** This limit saves memory: 27 builds at the same time need 3 GB. */
const MAX_PARALLEL_BUILDS = 3;

/** Builds one zip per function of the stack, with only the code that its handler needs. */
export async function bundle(stack: Stack): Promise<Bundle[]> {
  const limit = pLimit(MAX_PARALLEL_BUILDS);
  return limit.map(functionsOf(stack), async ({ name }) => ({
    name,
    ...(await buildZip(await entryModuleOf(name, stack))),
  }));
}

/** Writes the zips to the paths that serverless.yml names. */
export async function writeBundles(stack: Stack, folder = ROOT): Promise<void> {
  await mkdir(join(folder, '.serverless/functions'), { recursive: true });
  for (const built of await bundle(stack))
    await writeFile(join(folder, zipPathOf(built.name)), built.zip);
}

/** The functions whose handlers need the policy of the stack. */
const FUNCTIONS_WITH_POLICY: readonly string[] = ['coordinate', 'api', 'sweep'];

/** Generates the entry module of a function, so that a new service needs no file in functions/. */
async function entryModuleOf(name: string, { httpPlugins, policy }: Stack): Promise<string> {
  const httpPlugin = httpPlugins.find((one) => name === `service-${one.name}`);
  if (httpPlugin) return handlerModule('http-plugin', JSON.stringify(httpPlugin));
  const service = SERVICES.find((one) => name === `service-${one.name}`);
  if (service) return serviceModule(service);
  return FUNCTIONS_WITH_POLICY.includes(name)
    ? handlerModule(name, JSON.stringify(policy))
    : handlerModule(name);
}

/**
 * Generates the entry module of the function of a service. The module imports only the file of this
 * service. It gets the catalog types and the API settings of all services, because a service may
 * call the API of another.
 */
async function serviceModule(service: Service): Promise<string> {
  const serviceApis = SERVICES.map((one) => ({
    name: one.name,
    catalogTypes: one.catalogTypes,
    microversion: one.microversion,
    concurrency: one.concurrency,
    scope: one.scope,
  }));
  const file = join(ROOT, `lib/services/${service.name}.ts`);
  const exportName = await exportNameOf(service, file);
  const importLine = `import { ${exportName} as service } from ${JSON.stringify(file)};`;
  return `${importLine}\n${handlerModule('service', 'service', JSON.stringify(serviceApis))}`;
}

/**
 * Returns a module that exports a Lambda handler. The function of `functions/<file>.ts` creates the
 * handler from the environment and these arguments.
 */
const handlerModule = (file: string, ...furtherArguments: string[]): string => {
  const factory = handlerFactoryOf(file);
  const path = JSON.stringify(join(ROOT, `functions/${file}.ts`));
  const factoryArguments = ['process.env', ...furtherArguments].join(', ');
  return `import { ${factory} } from ${path};
export const handler = ${factory}(${factoryArguments});`;
};

/** The function that `functions/<file>.ts` exports: `httpPluginFunction` for `http-plugin`. */
const handlerFactoryOf = (file: string): string =>
  `${file.replace(/-(.)/g, (_, initial: string) => initial.toUpperCase())}Function`;

/** Returns the name with which the file of a service exports the service. */
async function exportNameOf(service: Service, file: string): Promise<string> {
  const exported: Record<string, unknown> = await import(pathToFileURL(file).href);
  const exportName = Object.keys(exported).find((name) => exported[name] === service);
  if (exportName === undefined)
    throw new Error(`${file} does not export the service ${service.name}`);
  return exportName;
}

async function buildZip(contents: string): Promise<Omit<Bundle, 'name'>> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT, loader: 'ts', sourcefile: 'index.ts' },
    absWorkingDir: ROOT,
    outfile: 'index.mjs',
    write: false,
    bundle: true,
    minify: true,
    // Stack traces use the source map, so the bundle does not need the original names.
    keepNames: false,
    sourcemap: 'linked',
    sourcesContent: false,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    legalComments: 'none',
    // CommonJS packages load Node's modules with `require`, which an ES module does not have.
    banner: {
      js:
        "import { createRequire } from 'node:module'; " +
        'const require = createRequire(import.meta.url);',
    },
    logLevel: 'silent',
  });
  const files = outputFiles.map(({ path, contents: data }) => ({
    name: path.endsWith('.map') ? 'index.mjs.map' : 'index.mjs',
    data,
  }));
  const dataOf = (path: string): Buffer =>
    Buffer.from(files.find((file) => file.name === path)?.data ?? []);
  return { code: dataOf('index.mjs'), map: dataOf('index.mjs.map'), zip: zip(files) };
}
