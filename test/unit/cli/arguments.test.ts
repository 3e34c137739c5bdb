import { commandLine } from './command-line.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

/** A command line whose API counts its calls, and answers none. */
function commandLineWithoutAnswers() {
  let calls = 0;
  const client = clientOfAnn(() => {
    calls += 1;
    return Promise.reject(new Error('no call is expected'));
  });
  const type = (line: string) => typeLine(line, { client, now: () => 0 });
  return { type, calls: () => calls };
}

/** Returns every command with its required arguments, and with its help. */
async function fetchCommands(): Promise<{ path: string; line: string; help: string }[]> {
  const { type } = commandLineWithoutAnswers();
  const { out } = await type('completion bash');
  const [, alternatives = ''] = /\n\s+("start"[^)]*)\) path=/.exec(out) ?? [];
  const paths = [...alternatives.matchAll(/"([^"]+)"/g)].map(([, path = '']) => path);
  const leafPaths = paths.filter((path) => !paths.some((other) => other.startsWith(`${path} `)));
  return Promise.all(
    leafPaths.map(async (path) => {
      const { out: help } = await type(`${path} --help`);
      const [, usage = ''] = /^Usage: propagator ([^\n]*)/.exec(help) ?? [];
      const line = usage.replace('[options]', '').replace(/<\w+>/g, 'x');
      return { path, line: line.replace(/\[[^\]]*\]/g, ''), help };
    }),
  );
}
const commands = await fetchCommands();
const commandsWithOption = (pattern: RegExp) =>
  commands.flatMap(({ path, line, help }) =>
    [...help.matchAll(pattern)].map(([, option = '']) => [path, option, line] as const),
  );

/** The other options that a command requires. */
const REQUIRED: Readonly<Record<string, string>> = {
  'operation approve': `--digest ${'0'.repeat(64)}`,
};

const commandsWithReason = commandsWithOption(/(--reason) <text>/g);
describe('a reason without a word or a number', () => {
  it('can be given to every command that decides', () => {
    expect(commandsWithReason.map(([path]) => path)).toEqual(
      expect.arrayContaining(['operation cancel', 'domain delete', 'stop-all', 'waiver add']),
    );
    expect(commandsWithReason.length).toBeGreaterThanOrEqual(17);
  });

  it.each(commandsWithReason)('is refused by %s before any call', async (path, _, line) => {
    for (const reason of ['"…"', '"..."', '" "', '"-"']) {
      const { type, calls } = commandLineWithoutAnswers();
      const { code, err } = await type(`${line} ${REQUIRED[path] ?? ''} --reason ${reason}`);
      expect({ code, calls: calls(), err }).toEqual({
        code: 64,
        calls: 0,
        err: expect.stringMatching(/^error: --reason .*: write a reason, in words or numbers/),
      });
    }
  });

  it('does not include text in other scripts, which every command accepts', async () => {
    const { type } = commandLine();
    expect(await type('stop-all --reason 契約')).toMatchObject({ code: 0 });
  });
});

const commandsWithTime = commandsWithOption(/(--[\w-]+) <times?>/g);
describe('a duration without its unit', () => {
  it('can be given to every command with a time', () => {
    expect(commandsWithTime.map(([path, option]) => `${path} ${option}`).toSorted()).toEqual([
      'audit list --since',
      'domain delete --recover-for',
      'domain delete --remind',
      'hold add --until',
      'operation approve --recover-for',
      'operation approve --remind',
      'project delete --recover-for',
      'project delete --remind',
    ]);
  });

  it.each(commandsWithTime)(
    'is refused by %s %s with the name of the option and an example in days',
    async (path, option, line) => {
      for (const text of ['30', '12', '1.5', 'soon', '30days']) {
        const { type, calls } = commandLineWithoutAnswers();
        const otherOptions = `${REQUIRED[path] ?? ''} ${path === 'hold add' ? '--project p --reason x' : ''}`;
        const { code, err } = await type(`${line} ${otherOptions} ${option} ${text}`);
        expect({ code, calls: calls() }).toEqual({ code: 64, calls: 0 });
        expect(err.split('\n', 1)[0]).toContain(option);
        expect(err).toContain(text);
        expect(err).toMatch(/\b(30|7)d\b/);
        expect(err).not.toContain('✖');
      }
    },
  );
});

describe('an id that the propagator has not stored', () => {
  const lines = commands.filter(({ help }) => /^Usage: propagator operation \w+ .*<id>/.test(help));

  it('can be given to every command of one operation', () => {
    expect(lines.map(({ path }) => path)).toHaveLength(6);
  });

  it.each(lines.map(({ path, help }) => [path, help] as const))(
    'is answered by %s with the command that lists the operations',
    async (path, help) => {
      const reason = help.includes('--reason') ? '--reason left' : '';
      const { type } = commandLine();
      const { code, err } = await type(`${path} op-000000000000 ${reason} ${REQUIRED[path] ?? ''}`);
      expect(code).toBe(1);
      expect(err).toContain('there is no operation with this id\nList the operations: propagator ');
      expect(err).not.toContain('propagator --help');
    },
  );

  it.each([
    ['hold remove --project p', 'propagator hold list'],
    ['waiver remove rating', 'propagator waiver list'],
  ])('is answered by %s with the command that lists them', async (line, list) => {
    expect(await commandLine().type(line)).toMatchObject({
      code: 1,
      err: expect.stringContaining(list),
    });
  });

  it('prints only the refusal if the API gives no advice', async () => {
    const { type } = commandLine();
    const { code, err } = await type('project plan gone');
    expect({ code, err }).toEqual({
      code: 1,
      err: 'propagator: Keystone has no project with this id\n',
    });
  });
});

describe('the exit codes', () => {
  const states =
    '3 the operation is unverified, refused, superseded, canceled, held;\n' +
    '4 the operation waits for a decision about a dead letter; 5 the operation has not ended';
  it.each([['--help'], ['operation show --help'], ['operation watch --help']])(
    'of the states are the same in propagator %s',
    async (line) => {
      expect((await commandLineWithoutAnswers().type(line)).out).toContain(states);
    },
  );
});
