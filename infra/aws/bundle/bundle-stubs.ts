import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OnLoadResult, Plugin } from 'esbuild';

/**
 * Large packages of which a function needs little, and parts of ours that it never comes to. What
 * stands in for them throws when it is called.
 */
export const leftOut = (name: string): Plugin => ({
  name: 'left-out',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^undici$/ }, () => ({ path: join(import.meta.dirname, 'http-agent.ts') }));
    // Its login comes from a secret, so it reads no clouds.yaml; and nobody asks a schema for its
    // description in JSON.
    onResolve({ filter: /^yaml$/ }, () => ({ path: 'yaml', namespace: 'left-out' }));
    onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({
      contents: 'export const parse = () => ({});',
    }));
    onLoad({ filter: /zod\/v4\/core\/(json-schema-processors|to-json-schema)\.js$/ }, ({ path }) =>
      uncalled(path),
    );
    onLoad({ filter: /zod\/v4\/classic\/schemas\.js$/ }, ({ path }) => withoutFormats(path));
    // SQS hands it its messages; and only operators look at dead letters.
    onLoad({ filter: /lib\/engine\/aws\/work\.ts$/ }, ({ path }) => uncalled(path));
    if (name !== 'api')
      onLoad({ filter: /lib\/engine\/aws\/dead-letters\.ts$/ }, ({ path }) => uncalled(path));
    onLoad({ filter: /\/node_modules\/.*\.m?js$/ }, ({ path }) => unmapped(path));
  },
});

/** The exports of a module, none of which is called here. */
async function uncalled(path: string): Promise<OnLoadResult> {
  const names = Object.keys(await import(pathToFileURL(path).href));
  const none = "function () { throw new TypeError('left out of this bundle'); }";
  const exported = names.map(
    (name) => `export const ${name} = ${name.startsWith('create') ? `() => ${none}` : none};`,
  );
  return { contents: exported.join('\n') };
}

const FORMAT =
  /^ {4}\w+\(params\) \{\n {8}return this\.check\(core\._\w+\(Zod\w+, params\)\);\n {4}\},\n/gm;

/**
 * zod without `z.string().email()` and 25 more of the resource type, which nobody here asks for:
 * with them go their classes and expressions.
 */
async function withoutFormats(path: string): Promise<OnLoadResult> {
  const { contents } = await unmapped(path);
  const without = contents.replace(FORMAT, '');
  if (without === contents)
    throw new Error(`${path}: the formats of strings are no longer written as they were`);
  return { contents: without };
}

/**
 * A file of a package as it is, but for its lines in the source map: that is read at every start,
 * and no stack trace has to name them.
 */
async function unmapped(path: string): Promise<{ contents: string }> {
  const map = Buffer.from(
    JSON.stringify({ version: 3, sources: [basename(path)], mappings: 'AAAA' }),
  ).toString('base64');
  return {
    contents: `${await readFile(path, 'utf8')}\n//# sourceMappingURL=data:application/json;base64,${map}`,
  };
}
