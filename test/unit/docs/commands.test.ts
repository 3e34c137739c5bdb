import { readFileSync } from 'node:fs';
import { EXIT } from '../../../lib/cli/terminal.ts';
import { apiUnderTest } from '../api/api-under-test.ts';
import { commandLine } from '../cli/command-line.ts';

const page = readFileSync('docs/commands.md', 'utf8');
const firstCells = (pattern: RegExp): string[] =>
  [...page.matchAll(pattern)].map(([, cell = '']) => cell).toSorted();

describe('docs/commands.md', () => {
  it('lists every command, and no other', async () => {
    const { out } = await commandLine().type('completion bash');
    const [, alternatives = ''] = /\n\s+("start"[^)]*)\) path=/.exec(out) ?? [];
    const paths = [...alternatives.matchAll(/"([^"]+)"/g)].map(([, path = '']) => path);
    const commands = paths.filter((path) => !paths.some((other) => other.startsWith(`${path} `)));
    expect(commands.length).toBeGreaterThan(15);
    expect(
      firstCells(/^\| `npx propagator ([a-z-]+(?: [a-z][a-z-]*)?)/gm).map(withoutArgument),
    ).toEqual(commands.toSorted());
  });

  it('lists every route, and no other', () => {
    const routes = apiUnderTest()
      .app.routes.filter(({ path }) => path !== '/*')
      .map(({ method, path }) => `${method} ${path.replace(/\{[^}]*\}/g, '')}`);
    expect(firstCells(/^\| `((?:GET|POST|DELETE|PUT|PATCH) [^`]+)`/gm)).toEqual(
      [...new Set(routes)].toSorted(),
    );
  });

  it('gives the exit codes of the states as the help does', async () => {
    const [, states = ''] = /3 the operation is (.*);/.exec(
      (await commandLine().type('--help')).out,
    ) ?? [undefined, 'none'];
    expect(states.split(', ')).toHaveLength(5);
    expect(page).toMatch(new RegExp(`^\\| 3 \\| .*the operation is ${states};`, 'm'));
  });

  it('lists every exit code, and no other', () => {
    const [, table = ''] = /\| code \| meaning \|([\s\S]*?)\n\n/.exec(page) ?? [];
    const codes = [...table.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
    expect(codes).toEqual(Object.values(EXIT));
  });
});

/** `completion bash`: the second word is an argument. */
const withoutArgument = (command: string): string => command.replace(/^(completion) .*/, '$1');
