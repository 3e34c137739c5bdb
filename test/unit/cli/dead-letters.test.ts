import { timeText } from '../../../lib/cli/output.ts';
import { DEAD_LETTERS_BUSY, engineError } from '../../../lib/engine/engine-error.ts';
import { confirmation, operation, quarantined, requested } from '../../engine/samples.ts';
import { SECRET_PART, SECRET_TEXTS } from '../shared/secrets.ts';
import { commandLine } from './command-line.ts';
import { NOON } from './samples.ts';

const DAY = 24 * 3_600_000;
const deniedError = (code: string) =>
  ({
    code,
    class: 'Denied',
    message: `nova refused: ${code}`,
    advice: 'Give the role back.',
    requestId: 'req-7',
    status: 403,
  }) as const;

/**
 * A command line with two dead letters of Nova with the same cause, one of Nova with another cause,
 * and one of the coordinator.
 */
async function commandLineWithDeadLetters() {
  const { engine, type } = commandLine();
  const running = operation({ state: 'running' });
  await engine.commit({ operations: [running] });
  const { id } = running;
  engine.moveToDeadLetters('service-nova', requested('nova', 1, id), {
    error: deniedError('nova.http.403'),
    receiveCount: 9,
    expiresAt: engine.time + 14 * DAY,
  });
  engine.time += 3_600_000;
  engine.moveToDeadLetters('service-nova', requested('nova', 2), {
    error: deniedError('nova.http.403'),
    expiresAt: engine.time + 14 * DAY,
  });
  engine.moveToDeadLetters('service-nova', requested('nova', 3, id), {
    error: deniedError('nova.http.409'),
  });
  engine.moveToDeadLetters('coordinate', confirmation(id));
  return { engine, type, id };
}
const cellsOfLines = (text: string): string[] =>
  text.split('\n').map((line) => line.replace(/ {2,}/g, ' | ').trim());

describe('propagator dead-letter list', () => {
  it('groups messages by queue and cause, with number, oldest age and first expiry', async () => {
    const { type, id } = await commandLineWithDeadLetters();
    const { code, out } = await type('dead-letter list');
    expect(code).toBe(0);
    expect(cellsOfLines(out)).toEqual([
      'SERVICE | COUNT | OLDEST | EXPIRES | CAUSE',
      'nova | 2 | 1h 0m | in 13d 23h | nova.http.403',
      'nova | 1 | 0s | never | nova.http.409',
      'coordinate | 1 | 0s | never | engine.gave-up',
      '',
      expect.stringMatching(/^nova, nova\.http\.403: op-\w+, op-\w+$/),
      '| nova refused: nova.http.403',
      '| Give the role back.',
      '| show one message:',
      '| propagator dead-letter show 1',
      '| after the cause is fixed:',
      '| propagator dead-letter redrive --service nova --cause nova.http.403',
      '',
      `nova, nova.http.409: ${id}`,
      '| nova refused: nova.http.409',
      '| Give the role back.',
      '| show one message:',
      '| propagator dead-letter show 3',
      '| after the cause is fixed:',
      '| propagator dead-letter redrive --service nova --cause nova.http.409',
      '',
      `coordinate, engine.gave-up: ${id}`,
      '| the function failed each time without an error report',
      '| Read the log of this operation, fix the cause, then redrive the message.',
      '| show one message:',
      '| propagator dead-letter show 4',
      '| after the cause is fixed:',
      '| propagator dead-letter redrive --queue coordinate --cause engine.gave-up',
      '',
    ]);
    // The command in the output has the effect that the output promises.
    const [command = ''] =
      out.match(/dead-letter redrive --service nova --cause nova\.http\.403/) ?? [];
    expect((await type(`${command} --dry-run`)).out).toMatch(
      /\n2 selected; none was sent back \(--dry-run\)\.\n$/,
    );
    expect(cellsOfLines((await type('dead-letter list --queue coordinate')).out)).toHaveLength(11);
    expect(
      JSON.parse((await type(`dead-letter list --operation ${id} --json`)).out).deadLetters,
    ).toHaveLength(3);
    expect((await type('dead-letter list --service swift')).out).toBe('No dead letters.\n');
  });

  it('fits on a screen of 80 columns, and prints no control characters of foreign text', async () => {
    const { engine, type } = commandLine();
    const message = `nova answered 403:\r\n\u001b[2J\u001b]0;owned\u0007${' a word or two'.repeat(30)}`;
    for (let n = 0; n < 500; n += 1)
      engine.moveToDeadLetters('service-nova', requested('nova', n + 1), {
        error: { ...deniedError('nova.http.403'), message },
        expiresAt: engine.time + DAY,
      });
    engine.moveToDeadLetters('service-nova', `\u001b[31m${'x'.repeat(20)}`, {
      error: { ...deniedError("it's; rm -rf"), message },
    });
    for (const line of [
      'dead-letter list',
      'dead-letter redrive --all --dry-run',
      'dead-letter show 1',
      'dead-letter show 501',
    ]) {
      const { code, out } = await type(line);
      expect([line, code, Math.max(...out.split('\n').map(({ length }) => length)) <= 80]).toEqual([
        line,
        0,
        true,
      ]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test looks for these characters.
      expect(out).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
    }
    expect((await type('dead-letter list')).out).toContain("--cause 'it'\\''s; rm -rf'");
    expect((await type('dead-letter redrive --cause nova.http.403')).out).toBe(
      '500 sent back. Follow the operations: propagator operation list\n',
    );
    const decisions = (await type('audit list --limit 1000')).out;
    expect(decisions).toMatch(
      /1 +\S+Z +ann +dead-letters\.redriven +dead-letters service-nova \(500 with cause nova\.http\.403\)/,
    );
    expect((await type('audit list --limit 1')).out).toMatch(/newest 1\. For more, use --limit/);
  });

  it('shows no secrets, and neither does quarantine list', async () => {
    const { engine, type } = commandLine();
    for (const [, text] of SECRET_TEXTS) {
      engine.moveToDeadLetters(
        'service-nova',
        { strange: text },
        { error: { ...deniedError('x'), message: text } },
      );
      await engine.commit({ quarantine: [quarantined({ body: text })] });
    }
    for (const line of [
      'dead-letter list',
      'dead-letter list --json',
      'dead-letter show 1',
      'quarantine list',
      'quarantine list --json',
    ]) {
      const { code, out } = await type(line);
      expect([line, code, out.includes(SECRET_PART)]).toEqual([line, 0, false]);
    }
    expect((await type('quarantine list --json')).out).toContain('[redacted]');
  });

  it('shows all details of one message and the possible commands', async () => {
    const { engine, type, id } = await commandLineWithDeadLetters();
    const { out } = await type('dead-letter show 1');
    for (const line of [
      'queue      service-nova',
      /given up {3}\S+Z, 1h 0m ago, after 9 deliveries/,
      /kept {7}until \S+Z, expires in 13d 23h/,
      `operation  ${id}`,
      `task       ${id}/nova/RegionOne, run 1`,
      'cause      nova.http.403 (Denied)',
      'error      nova refused: nova.http.403',
      'status     403',
      'request id req-7',
      'advice     Give the role back.',
      '"phase": "apply"',
      'propagator dead-letter redrive --id 1',
      'propagator dead-letter discard --id 1 --reason',
    ])
      expect(out).toMatch(line);
    expect((await type('dead-letter show 4')).out).toMatch(
      /kept {7}until it is redriven or discarded[\s\S]*failed each time without an error report/,
    );
    expect(JSON.parse((await type('dead-letter show 1 --json')).out)).toMatchObject({
      id: '1',
    });
    engine.moveToDeadLetters('service-nova', { strange: { token: 'hush' } });
    const strange = (await type('dead-letter show 5')).out;
    expect(strange).toMatch(/which this release cannot read\n\{"strange"/);
    expect(strange).not.toContain('hush');
    expect(await type('dead-letter show 99')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('no dead letter 99'),
    });
  });
});

describe('propagator dead-letter redrive', () => {
  it('shows the selection with --dry-run, and sends nothing', async () => {
    const { engine, type } = await commandLineWithDeadLetters();
    const { out } = await type(
      'dead-letter redrive --service nova --cause nova.http.403 --dry-run',
    );
    expect(out).toMatch(/nova +2 +1h 0m[\s\S]*\n2 selected; none was sent back \(--dry-run\)\.\n$/);
    expect([engine.deadLetterList.length, engine.waiting.length, engine.decisions]).toEqual([
      4,
      0,
      [],
    ]);
  });

  it('sends the selection back under the name of the caller, and requires a selection', async () => {
    const { engine, type, id } = await commandLineWithDeadLetters();
    expect(await type('dead-letter redrive')).toMatchObject({
      code: 64,
      err: expect.stringContaining('select messages with'),
    });
    expect(await type('dead-letter redrive --reason x')).toMatchObject({ code: 64 });
    expect(await type('dead-letter redrive --service Nova')).toMatchObject({
      code: 64,
      err: expect.stringContaining('is lower case'),
    });
    expect(await type('dead-letter redrive --operation 7')).toMatchObject({
      code: 64,
      err: expect.stringContaining('twelve hexadecimal digits'),
    });
    expect(
      await type('dead-letter redrive --service nova --cause nova.http.409 --reason "role given"'),
    ).toMatchObject({
      code: 0,
      out: '1 sent back. Follow the operations: propagator operation list\n',
    });
    expect(engine.deadLetterList.map(({ id: deadLetterId }) => deadLetterId)).toEqual([
      '1',
      '2',
      '4',
    ]);
    expect(engine.decisions).toMatchObject([
      { what: 'redriven', by: 'ann', reason: 'role given', operationId: id },
    ]);
    expect((await type('dead-letter redrive --queue ingest')).out).toBe(
      'No dead letter matched. List all of them: propagator dead-letter list\n',
    );
    expect((await type('dead-letter redrive --all')).out).toBe(
      '3 sent back. Follow the operations: propagator operation list\n',
    );
    expect(engine.deadLetterList).toEqual([]);
  });
});

describe('propagator dead-letter discard', () => {
  it('discards the selection, prints the consequence, and stores it in operation and audit log', async () => {
    const { engine, type, id } = await commandLineWithDeadLetters();
    expect(await type('dead-letter discard --reason x')).toMatchObject({
      code: 64,
      err: expect.stringContaining('select messages with'),
    });
    expect(await type('dead-letter discard --service nova')).toMatchObject({
      code: 64,
      err: expect.stringContaining('--reason'),
    });
    expect(await type('dead-letter discard --all --reason x')).toMatchObject({ code: 64 });
    expect(await type(`dead-letter discard --operation ${id} --reason x`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('cannot continue without the message operation.confirm'),
    });
    expect(engine.deadLetterList).toHaveLength(4);
    const { out } = await type('dead-letter discard --service nova --id 3 --reason "torn down"');
    expect(out).toBe(
      '1 discarded. Their operations end as unverified. Follow them: propagator operation list\n',
    );
    const line = /discarded by ann at \S+Z: 1 message of nova, nova\.http\.409: torn down/;
    expect((await type(`operation show ${id}`)).out).toMatch(
      new RegExp(`Dead letters\n- ${line.source}`),
    );
    expect((await type(`audit list --operation ${id}`)).out).toMatch(
      /ann +dead-letters\.discarded +dead-letters service-nova \(1 with cause nova\.http\.409\) +torn down/,
    );
    expect((await type('audit list --operation op-000000000000')).out).toBe('No decisions.\n');
  });

  it('names the project that stays suspended; operation show repeats this text', async () => {
    const { engine, type } = commandLine();
    const canceled = operation({ state: 'canceled', endedAt: 5 });
    await engine.commit({ operations: [canceled] });
    const { id, scope } = canceled;
    engine.moveToDeadLetters('coordinate', {
      type: 'operation.undo',
      data: { operationId: id },
    });
    const { out } = await type(`dead-letter discard --operation ${id} --reason "not needed"`);
    const leftText = `Resources of project ${scope.id} that ${id} suspended stay suspended.`;
    expect(out).toContain(`${leftText} To resume them: propagator project resume ${scope.id}`);
    expect(out).not.toContain('unverified');
    expect((await type(`operation show ${id}`)).out).toContain(leftText);
  });
});

describe('a time', () => {
  it('is shown in the local time zone, with its offset', () => {
    expect([0, 60, -210].map((minutes) => timeText(NOON, minutes))).toEqual([
      '2026-03-01T12:00:00Z',
      '2026-03-01T13:00:00+01:00',
      '2026-03-01T08:30:00-03:30',
    ]);
  });
});

describe('a listing of dead letters by another command', () => {
  it('prints a notice about the missing dead letters with the operations', async () => {
    const { engine, type, id } = await commandLineWithDeadLetters();
    engine.deadLetters = () =>
      Promise.reject(
        engineError(DEAD_LETTERS_BUSY, 'Another command is listing them.', 'Try again.'),
      );
    for (const line of [
      'operation list',
      `operation show ${id}`,
      'operation list --json',
      `operation show ${id} --json`,
    ]) {
      const { out, err } = await type(line);
      expect([line, err, out.includes(id)]).toEqual([line, '', true]);
      expect(out).toContain('Another command is listing the dead letters');
    }
    expect(await type('dead-letter list')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Try again.'),
    });
  });

  it('does not hide any other error of the engine', async () => {
    const { engine, type } = await commandLineWithDeadLetters();
    engine.deadLetters = () => Promise.reject(engineError('aws.slow', 'AWS is slow.', 'Wait.'));
    expect(await type('operation list')).toMatchObject({
      code: 1,
      err: expect.stringContaining('AWS is slow.'),
    });
  });
});
