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
 * The import is most of the avoidable part of a cold start. The modules of {@link PEER_SOURCES} are
 * measured in the same way for comparison. Prints the results; asserts nothing.
 */
const IMPORTS_PER_BUNDLE = 9;
/** The largest accepted size of a minified bundle, in kilobytes. */
const GOAL_KILOBYTES = { service: 700, ingest: 750 } as const;

interface MeasuredBundle {
  readonly name: string;
  readonly codeBytes: number;
  readonly zipBytes: number;
  /** The time of each import. */
  readonly millis: number[];
}

/** The source of each module for comparison, by its name in the table. */
const PEER_SOURCES = {
  'peer: an empty module': 'export const handler = () => {};',
  "peer: import * as z from 'zod'":
    "import * as z from 'zod'; export const handler = z.object({ id: z.string() });",
  'peer: client-sqs of the AWS SDK':
    "export { SQSClient, SendMessageBatchCommand } from '@aws-sdk/client-sqs';",
};

/** Bundles a module of {@link PEER_SOURCES}, with the options that its documentation recommends. */
async function bundlePeer(contents: string): Promise<{ code: Buffer; map: Buffer; zip: Buffer }> {
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
  const dataOf = (extension: string): Buffer =>
    Buffer.from(outputFiles.find(({ path }) => path.endsWith(extension))?.contents ?? []);
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
  const script = `const startedAt = performance.now(); await import(${JSON.stringify(pathToFileURL(file).href)}); console.log(performance.now() - startedAt);`;
  const args = ['--enable-source-maps', '--input-type=module', '--eval', script];
  return Number(
    execFileSync(process.execPath, args, { encoding: 'utf8', env: { PATH: process.env.PATH } }),
  );
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const kilobytesText = (bytes: number): string => (bytes / 1024).toFixed(1);
const rowOf = ({ name, codeBytes, zipBytes, millis }: MeasuredBundle): string[] => [
  name,
  kilobytesText(codeBytes),
  kilobytesText(zipBytes),
  median(millis).toFixed(1),
];

/** Returns a text that compares the sizes of the functions with the goal in kilobytes. */
function compareWithGoal(
  title: string,
  functions: readonly MeasuredBundle[],
  goal: number,
): string {
  const sizes = functions.map(({ codeBytes }) => codeBytes / 1024).toSorted((a, b) => a - b);
  const withinGoal = sizes.filter((size) => size <= goal).length;
  const [smallest = 0, largest = 0] = [sizes.at(0), sizes.at(-1)];
  const range =
    functions.length > 1
      ? `${smallest.toFixed(0)} to ${largest.toFixed(0)} KB`
      : `${largest.toFixed(0)} KB`;
  const verdictText =
    withinGoal === functions.length
      ? 'met'
      : `NOT met by ${functions.length - withinGoal} of ${functions.length}`;
  return `${title}: ${range}; the goal of ${goal} KB is ${verdictText}`;
}

export async function benchBundles(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-bench-'));
  try {
    const functions = await bundle(stackOf('bench', {}));
    const peers = await Promise.all(
      Object.entries(PEER_SOURCES).map(async ([name, contents]) => ({
        name,
        ...(await bundlePeer(contents)),
      })),
    );
    const all = [...functions, ...peers].map(({ name, code, map, zip: zipped }, n) => {
      const functionFolder = join(folder, String(n));
      mkdirSync(functionFolder);
      writeFileSync(join(functionFolder, 'index.mjs'), code);
      writeFileSync(join(functionFolder, 'index.mjs.map'), map);
      return {
        file: join(functionFolder, 'index.mjs'),
        measured: {
          name,
          codeBytes: code.length,
          zipBytes: zipped.length,
          millis: [] as number[],
        },
      };
    });
    // Measurements alternate, so that other load on this machine affects all functions equally.
    for (let n = 0; n < IMPORTS_PER_BUNDLE; n += 1)
      for (const { file, measured } of all) measured.millis.push(importMillis(file));
    const right = 'right' as const;
    const table = new Table({
      head: [
        'function',
        'minified KB',
        'zip with map KB',
        `import ms, median of ${IMPORTS_PER_BUNDLE}`,
      ],
      colAligns: ['left', right, right, right],
      style: { head: [], border: [], compact: true },
    });
    table.push(...all.map(({ measured }) => rowOf(measured)));
    console.log(table.toString());
    const measuredBundles = all.map(({ measured }) => measured);
    const services = measuredBundles.filter(({ name }) => name.startsWith('service-'));
    const ingest = measuredBundles.filter(({ name }) => name === 'ingest');
    console.log(
      [
        compareWithGoal('functions of services', services, GOAL_KILOBYTES.service),
        compareWithGoal('ingest', ingest, GOAL_KILOBYTES.ingest),
      ].join('\n'),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (import.meta.main) await benchBundles();
