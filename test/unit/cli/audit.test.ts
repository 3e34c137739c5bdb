import { parse } from 'yaml';
import { commandLine } from './command-line.ts';

const makeThreeDecisions = async (type: ReturnType<typeof commandLine>['type']) => {
  await type('stop-all --reason "deleted by mistake"');
  await type('waiver add rating --reason "no resources"');
  await type('resume-all --reason corrected');
};

describe('audit list', () => {
  it('shows each decision with its caller and reason, newest first', async () => {
    const { type } = commandLine();
    expect((await type('audit list')).out).toBe('No decisions.\n');
    await makeThreeDecisions(type);
    const { code, out } = await type('audit list');
    expect(code).toBe(0);
    expect(out).toMatch(
      /3 +\S+Z +ann +work\.resumed .+corrected\n +2 +\S+Z +ann +waiver\.added +catalog-type rating +no resources\n +1 +\S+Z +ann +work\.stopped/,
    );
  });

  it('prints JSON, YAML and values, with the state before and after', async () => {
    const { type } = commandLine();
    await makeThreeDecisions(type);
    const json: unknown = JSON.parse((await type('audit list --limit 1 -f json')).out);
    expect(json).toMatchObject({
      entries: [
        {
          what: 'work.resumed',
          before: { what: 'stopped', reason: 'deleted by mistake' },
          after: { what: 'resumed' },
        },
      ],
    });
    expect(parse((await type('audit list --limit 1 -f yaml')).out)).toEqual(json);
    const { out } = await type('audit list -f value -c Sequence -c What');
    expect(out).toBe('3 work.resumed\n2 waiver.added\n1 work.stopped\n');
  });

  it('filters by age, date, caller and operation', async () => {
    const { engine, type } = commandLine();
    await type('stop-all --reason first');
    engine.time += 3_600_000;
    await type('resume-all --reason second');
    const reasonsOf = async (options: string) =>
      (await type(`audit list -f value -c Reason ${options}`)).out.trim();
    expect(await reasonsOf('--since 30m')).toBe('second');
    expect(await reasonsOf('--since 1970-01-01')).toBe('second\nfirst');
    expect(await reasonsOf('--since 2999-01-01')).toBe('');
    expect(await reasonsOf('--by bob')).toBe('');
    expect(await reasonsOf('--by ann')).toBe('second\nfirst');
    expect(await reasonsOf('--operation op-000000000000')).toBe('');
    expect(await type('audit list --since yesterday')).toMatchObject({ code: 64, out: '' });
  });
});

describe('audit verify', () => {
  it('prints the newest entry, which a later verification accepts', async () => {
    const { type } = commandLine();
    expect(await type('audit verify')).toMatchObject({ code: 0, out: 'The audit log is empty.\n' });
    await makeThreeDecisions(type);
    const { code, out } = await type('audit verify');
    expect(code).toBe(0);
    const [, known] = /--known (\d+:[0-9a-f]{64})/.exec(out) ?? [];
    expect(await type(`audit verify --known ${known}`)).toMatchObject({ code: 0 });
    expect(await type('audit verify --known 3')).toMatchObject({ code: 64 });
  });

  it('names the first entry that was changed, with exit code 3, and the list still shows it', async () => {
    const { engine, type } = commandLine();
    await makeThreeDecisions(type);
    const { auditRows } = engine;
    const known = (await type('audit verify')).out.match(/\d+:[0-9a-f]{64}/)?.[0];
    auditRows.splice(1, 1, { sequence: 2, entry: 'gone' });
    const { code, out } = await type('audit verify');
    expect([code, out]).toEqual([
      3,
      expect.stringContaining('broken at entry 2.\n  Entry 2: it cannot be read.'),
    ]);
    expect((await type('audit list')).out).toMatch(/^ +2 +.*cannot be read/m);
    auditRows.splice(0, 3);
    expect(await type(`audit verify --known ${known}`)).toMatchObject({
      code: 3,
      out: expect.stringContaining('Entry 1: it is missing'),
    });
  });
});
