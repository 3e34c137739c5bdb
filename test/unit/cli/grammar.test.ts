import { execFileSync } from 'node:child_process';
import { parse } from 'yaml';
import { UserId } from '../../../events/ids.ts';
import { operation } from '../../engine/samples.ts';
import { commandLine } from './command-line.ts';

const COMMANDS = [
  'operation list',
  'operation show',
  'operation watch',
  'operation release',
  'hold add',
  'hold list',
  'hold remove',
  'project plan',
  'operation approve',
  'operation cancel',
  'project delete',
  'service list',
  'dead-letter list',
  'dead-letter show',
  'dead-letter redrive',
  'dead-letter discard',
  'quarantine list',
  'waiver list',
  'waiver add',
  'waiver remove',
  'audit list',
  'audit verify',
  'audit stops',
  'stop-all',
  'resume-all',
  'status',
  'start',
  'relay',
  'register',
  'unregister',
  'completion',
];

describe('the help', () => {
  it.each(COMMANDS)('has one line of description and an example for %s', async (command) => {
    const { code, out } = await commandLine().type(`${command} --help`);
    expect(code).toBe(0);
    expect(out).toMatch(new RegExp(`^Usage: propagator ${command}`));
    expect(out).toContain('Example:\n');
    expect(out.split('Example:\n')[1]).toContain(`propagator ${command}`);
  });

  it('names every command group and the exit codes', async () => {
    const { out } = await commandLine().type('--help');
    for (const group of new Set(COMMANDS.map((command) => command.split(' ')[0])))
      expect(out).toContain(`  ${group}`);
    expect(out).toContain('64 wrong usage');
  });

  it('is printed as wrong usage for a command without a verb', async () => {
    expect(await commandLine().type('operation')).toMatchObject({ code: 64 });
  });
});

it('prints the version', async () => {
  expect(await commandLine().type('--version')).toEqual({ code: 0, out: '1.2.3\n', err: '' });
});

describe('a command of an earlier version', () => {
  it.each([
    ['operations --json', 'operation list'],
    ['operation op-0123456789ab', 'operation show op-0123456789ab'],
    ['services', 'service list'],
    ['waive rating --reason x', 'waiver add'],
    ['unwaive rating', 'waiver remove'],
    ['cleanup p1 --name shop', 'project delete'],
    ['dead-letters', 'dead-letter list'],
    ['dead-letters show 1', 'dead-letter show'],
    ['redrive --all', 'dead-letter redrive'],
    ['discard --id 1 --reason x', 'dead-letter discard'],
    ['decisions', 'audit list'],
    ['release op-0123456789ab --reason x', 'operation release'],
    ['quarantine', 'quarantine list'],
    ['quarantine --json', 'quarantine list'],
  ])('%s is refused with one line that names the new command', async (oldLine, newName) => {
    const { engine, type } = commandLine();
    const { code, out, err } = await type(oldLine);
    expect({ code, out }).toEqual({ code: 64, out: '' });
    expect(err).toMatch(/^error: [^\n]*\n$/);
    expect(err).toContain(`is now "propagator ${newName}"`);
    expect(engine.operations.size).toBe(0);
  });
});

describe('the output', () => {
  const commandLineWithOperations = async () => {
    const { engine, type } = commandLine();
    const scope = {
      type: 'user',
      id: UserId.parse('u1'),
      name: 'bob\u001b[31m',
      projects: [],
    } as const;
    const [first, second] = [operation({ scope }), operation({ state: 'held' })];
    await engine.commit({ operations: [first, second] });
    return { type, first, second };
  };

  it('has one line per row as values, with the selected columns in their order', async () => {
    const { type, first } = await commandLineWithOperations();
    const { out } = await type('operation list --user u1 -f value -c State -c id');
    expect(out).toBe(`${first.state} ${first.id}\n`);
  });

  it('with -c is a list of objects as JSON or YAML', async () => {
    const { type, first } = await commandLineWithOperations();
    const line = 'operation list --user u1 -c ID -c Account';
    const expected = [{ ID: first.id, Account: 'u1' }];
    expect(JSON.parse((await type(`${line} -f json`)).out)).toEqual(expected);
    expect(JSON.parse((await type(`${line} --json`)).out)).toEqual(expected);
    expect(parse((await type(`${line} -f yaml`)).out)).toEqual(expected);
  });

  it('without -c is the complete answer of the API as JSON or YAML', async () => {
    const { type, first } = await commandLineWithOperations();
    const json: unknown = JSON.parse((await type('operation list --user u1 --json')).out);
    expect(json).toMatchObject({ operations: [{ operation: { id: first.id } }] });
    expect(parse((await type('operation list --user u1 -f yaml')).out)).toEqual(json);
  });

  it('has one line per value for one object', async () => {
    const { type, second } = await commandLineWithOperations();
    const { code, out } = await type(`operation show ${second.id} -f value -c ID -c State`);
    expect({ code, out }).toEqual({ code: 3, out: `${second.id}\nheld\n` });
    expect((await type('status -f value -c ok')).out).toBe('true\n');
  });

  it('has only the selected columns and no control characters as a table', async () => {
    const { type } = await commandLineWithOperations();
    const { out } = await type('operation list --user u1 -c Name -c State');
    expect(out.split('\n')[0]).toMatch(/^Name +State$/);
    expect(out).toContain('bob\\u{1b}[31m');
    expect(out).not.toContain('\u001b');
  });

  it('is an error for an unknown column or format, which lists the known ones', async () => {
    const { type } = await commandLineWithOperations();
    expect(await type('operation list -c Colour')).toMatchObject({
      code: 64,
      out: '',
      err: expect.stringContaining('the columns are ID, Action, Type'),
    });
    expect(await type('operation list -f xml')).toMatchObject({
      code: 64,
      err: expect.stringContaining('table, json, yaml, value'),
    });
  });
});

describe('the completion', () => {
  const complete = async (...words: string[]): Promise<string[]> => {
    const { out } = await commandLine().type('completion bash');
    const script = `${out}\nCOMP_WORDS=(propagator ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}\n_propagator\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  };

  it('has nouns, verbs and options in bash', async () => {
    expect(await complete('op')).toEqual(['operation']);
    expect(await complete('operation', '')).toEqual(
      expect.arrayContaining(['list', 'show', 'release']),
    );
    expect(await complete('operation', 'list', '--st')).toEqual(['--state']);
    expect(await complete('operation', 'show', 'op-1', '--f')).toEqual(['--format']);
    expect(await complete('dead-letter', 're')).toEqual(['redrive']);
  });

  it('has the same words in zsh and fish, and another shell is wrong usage', async () => {
    const { type } = commandLine();
    expect((await type('completion zsh')).out).toMatch(/^#compdef propagator\n/);
    const { out } = await type('completion fish');
    expect(out).toContain(`'test (__propagator_path) = "operation"' -a 'release'`);
    expect(await type('completion tcsh')).toMatchObject({ code: 64, out: '' });
  });
});
