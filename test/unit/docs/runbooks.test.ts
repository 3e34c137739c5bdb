import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operation } from '../../engine/samples.ts';
import { commandLine } from '../cli/command-line.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RUNBOOKS = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`);
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** The sections of a runbook, in the order in which an operator needs them. */
const SECTIONS = [
  'What it means.',
  'Effect.',
  'First check.',
  'Causes',
  'The safe action.',
  'It is over when',
  'On one machine or PostgreSQL',
];

describe.each(RUNBOOKS.filter((page) => !page.endsWith('README.md')))('%s', (page) => {
  it('has every section', () => {
    const positions = SECTIONS.map((section) => read(page).indexOf(`**${section}`));
    expect(positions).not.toContain(-1);
    // Only the first four sections have the same order on every page.
    expect(positions.slice(0, 4)).toEqual(positions.slice(0, 4).toSorted((a, b) => a - b));
    expect(read('docs/runbooks/README.md')).toContain(`](${page.slice('docs/runbooks/'.length)})`);
  });

  it('has a command in its first check', () => {
    const [, firstCheck = ''] = /\*\*First check\.\*\*([\s\S]*?)\n\n/.exec(read(page)) ?? [];
    expect(firstCheck).toMatch(/`(npx propagator|aws|curl) [^`]+`/);
  });
});

describe('every command line in the documentation', () => {
  const pages = ['README.md', 'docs/aws.md', 'docs/commands.md', 'docs/limits.md', 'docs/plans.md'];
  const commands = [...RUNBOOKS, ...pages].flatMap((page) =>
    [...read(page).matchAll(/`npx propagator ([^`]+)`/g)].map(([, line = '']): [string, string] => [
      page,
      line.replace(/\s+/g, ' '),
    ]),
  );
  // The excluded commands run until a signal or until the operation has ended.
  it.each(commands.filter(([, line]) => !/^(start|relay|operation watch)\b/.test(line)))(
    'of %s is accepted: propagator %s',
    async (_, line) => {
      const { engine, type } = commandLine();
      const running = operation({ state: 'running' });
      await engine.commit({ operations: [running] });
      const typedLine = line
        .replace(/\b(?:ID|OPERATION)\b|<id>/g, running.id)
        .replace(/\b(?:NAME|CODE|TYPE|PROJECT)\b/g, 'nova')
        .replace(/\bURL\b/g, 'https://propagator.example.org')
        .replace(/\bDIGEST\b/g, '0'.repeat(64))
        .replaceAll('…', 'because');
      const { code, err } = await type(typedLine);
      expect([typedLine, err.replace(/^propagator: [\s\S]*/, ''), code === 64]).toEqual([
        typedLine,
        '',
        false,
      ]);
    },
  );
});
