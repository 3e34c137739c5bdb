import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Table from 'cli-table3';
import { build } from 'esbuild';
import { bundle } from '../infra/aws/bundle/bundle.ts';
import { zip } from '../infra/aws/bundle/zip.ts';
import { stackOf } from '../infra/aws/template/stack.ts';

/**
 * Measures the size of each deployed function, and the time that a new process needs to import it.
 * The import is most of the avoidable part of a cold start. For comparison it builds an empty
 * module, zod alone, and one client of the AWS SDK in the same way. Prints; asserts nothing.
 */
const TIMES = 9;
/** The largest accepted size of a minified bundle, in kilobytes. */
const GOAL = { service: 700, ingest: 750 } as const;

interface Measured {
  readonly name: string;
  readonly kilobytes: number;
  readonly zipped: number;
  readonly millis: number[];
}

const PEERS = {
  'peer: an empty module': 'export const handler = () => {};',
  "peer: import * as z from 'zod'":
    "import * as z from 'zod'; export const handler = z.object({ id: z.string() });",
  'peer: client-sqs of the AWS SDK':
    "export { SQSClient, SendMessageBatchCommand } from '@aws-sdk/client-sqs';",
};

/** Bundles a module of {@link PEERS}, with the options that its documentation recommends. */
async function peer(contents: string): Promise<{ code: Buffer; map: Buffer; zip: Buffer }> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: {
      js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
    },
    sourcemap: 'linked',
    sourcesContent: false,
    outfile: 'index.mjs',
    write: false,
  });
  const dataOf = (end: string): Buffer =>
    Buffer.from(outputFiles.find(({ path }) => path.endsWith(end))?.contents ?? []);
  const [code, map] = [dataOf('.mjs'), dataOf('.map')];
  const files = [
    { name: 'index.mjs', data: code },
    { name: 'index.mjs.map', data: map },
  ];
  return { code, map, zip: zip(files) };
}

/**
 * Returns the milliseconds of the import alone, in a new process with the same options as in
 * Lambda.
 */
function importMillis(file: string): number {
  const script = `const since = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(performance.now() - since);`;
  const args = ['--enable-source-maps', '--input-type=module', '--eval', script];
  return Number(
    execFileSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env.PATH } }),
  );
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const kilobytes = (bytes: number): string => (bytes / 1024).toFixed(1);
const weight = ({ name, kilobytes: code, zipped, millis }: Measured): string[] => [
  name,
  kilobytes(code),
  kilobytes(zipped),
  median(millis).toFixed(1),
];

/** Compares the sizes of the functions with the goal in kilobytes. */
function verdict(what: string, functions: readonly Measured[], goal: number): string {
  const sizes = functions.map((one) => one.kilobytes / 1024).toSorted((a, b) => a - b);
  const withinGoal = sizes.filter((size) => size <= goal).length;
  const [least = 0, most = 0] = [sizes.at(0), sizes.at(-1)];
  const range =
    functions.length > 1 ? `${least.toFixed(0)} to ${most.toFixed(0)} KB` : `${most.toFixed(0)} KB`;
  const verdictText =
    withinGoal === functions.length
      ? 'met'
      : `NOT met by ${functions.length - withinGoal} of ${functions.length}`;
  return `${what}: ${range}; the goal of ${goal} KB is ${verdictText}`;
}

export async function benchBundles(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-bench-'));
  try {
    const functions = await bundle(stackOf('bench', {}));
    const peers = await Promise.all(
      Object.entries(PEERS).map(async ([name, contents]) => ({ name, ...(await peer(contents)) })),
    );
    const all = [...functions, ...peers].map(({ name, code, map, zip: zipped }, n) => {
      const functionFolder = join(folder, String(n));
      mkdirSync(functionFolder);
      writeFileSync(join(functionFolder, 'index.mjs'), code);
      writeFileSync(join(functionFolder, 'index.mjs.map'), map);
      return {
        file: join(functionFolder, 'index.mjs'),
        measured: { name, kilobytes: code.length, zipped: zipped.length, millis: [] as number[] },
      };
    });
    // Measurements alternate, so that other load on this machine affects all functions equally.
    for (let n = 0; n < TIMES; n += 1)
      for (const { file, measured } of all) measured.millis.push(importMillis(file));
    const right = 'right' as const;
    const table = new Table({
      head: ['function', 'minified KB', 'zip with map KB', `import ms, median of ${TIMES}`],
      colAligns: ['left', right, right, right],
      style: { head: [], border: [], compact: true },
    });
    table.push(...all.map(({ measured }) => weight(measured)));
    console.log(table.toString());
    const measuredBundles = all.map(({ measured }) => measured);
    const services = measuredBundles.filter(({ name }) => name.startsWith('service-'));
    const ingest = measuredBundles.filter(({ name }) => name === 'ingest');
    console.log(
      [
        verdict('functions of services', services, GOAL.service),
        verdict('ingest', ingest, GOAL.ingest),
      ].join('\n'),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) await benchBundles();
