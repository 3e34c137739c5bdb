import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { operation } from '../../engine/samples.ts';
import { commandLine } from '../cli/command-line.ts';

const ROOT = join(import.meta.dirname, '../../..');
const RUNBOOKS = readdirSync(join(ROOT, 'docs/runbooks')).map((name) => `docs/runbooks/${name}`);
const read = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** The parts of a runbook, in the order in which an operator needs them. */
const QUESTIONS = [
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
    const places = QUESTIONS.map((question) => read(page).indexOf(`**${question}`));
    expect(places).not.toContain(-1);
    // The last section depends on the page.
    expect(places.slice(0, 4)).toEqual(places.slice(0, 4).toSorted((one, other) => one - other));
    expect(read('docs/runbooks/README.md')).toContain(`](${page.slice('docs/runbooks/'.length)})`);
  });

  it('begins with a command', () => {
    const [, first = ''] = /\*\*First check\.\*\*([\s\S]*?)\n\n/.exec(read(page)) ?? [];
    expect(first).toMatch(/`(npx propagator|aws|curl) [^`]+`/);
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
    '%s: propagator %s',
    async (_, line) => {
      const { engine, type } = commandLine();
      const running = operation({ state: 'running' });
      await engine.commit({ operations: [running] });
      const meant = line
        .replace(/\b(?:ID|OPERATION)\b|<id>/g, running.id)
        .replace(/\b(?:NAME|CODE|TYPE|PROJECT)\b/g, 'nova')
        .replace(/\bURL\b/g, 'https://propagator.example.org')
        .replace(/\bDIGEST\b/g, '0'.repeat(64))
        .replaceAll('…', 'because');
      const { code, err } = await type(meant);
      expect([meant, err.replace(/^propagator: [\s\S]*/, ''), code === 64]).toEqual([
        meant,
        '',
        false,
      ]);
    },
  );
});
