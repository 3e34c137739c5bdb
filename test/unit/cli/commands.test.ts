import * as z from 'zod';
import { ProjectId, UserId } from '../../../events/ids.ts';
import { ApiClient } from '../../../lib/cli/client.ts';
import { runCommand } from '../../../lib/cli/command-line.ts';
import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import { suspensionHoldDocument } from '../../../lib/handlers/suspension-holds.ts';
import { operation, task } from '../../engine/samples.ts';
import { CONTROL, TARGET } from '../../property/simulation.ts';
import { commandLine } from './command-line.ts';
import { plain } from './samples.ts';
import { clientOfAnn, typeLine } from './type-line.ts';

const Waivers = z.object({ waived: z.array(z.unknown()), uncovered: z.array(z.unknown()) });

describe('the command line', () => {
  it('adds and removes a waiver, with name and reason', async () => {
    const { engine, type } = commandLine();
    expect((await type('service list')).out).toMatch(/Not covered[\s\S]*rating {2}cloudkitty/);
    expect(await type('waiver add rating --reason "it counts, and keeps nothing"')).toEqual({
      code: 0,
      out: 'rating is waived for every operation that has not ended yet. If an operation is held because of it, release that operation.\n',
      err: '',
    });
    const waiver = {
      type: 'rating',
      by: 'ann',
      reason: 'it counts, and keeps nothing',
      at: engine.time,
    };
    expect(Waivers.parse(JSON.parse((await type('service list --json')).out))).toEqual({
      waived: [waiver],
      uncovered: [],
    });
    expect(await type('waiver remove rating')).toMatchObject({
      code: 0,
      out: 'The waiver for rating is removed. Operations report it as uncovered again.\n',
    });
    expect([...engine.waivers]).toEqual([]);
    expect(await type('waiver remove rating')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('there is no waiver for rating'),
    });
    expect(await type('waiver add first --reason x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('first covers first'),
    });
    expect(await type('waiver add rating')).toMatchObject({
      code: 64,
      err: expect.stringContaining('--reason'),
    });
  });

  it('requests a cleanup, requires the name of an enabled project, and prints the command that follows it', async () => {
    const { engine, type } = commandLine();
    expect(await type(`project delete ${CONTROL} --reason left`)).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('confirm it with its name'),
    });
    expect(engine.operations.size).toBe(0);
    expect(await type(`project delete ${TARGET}`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('Keystone has no project with this id'),
    });
    expect(await type(`project delete ${CONTROL} --name shoo`)).toMatchObject({
      code: 1,
      err: expect.stringContaining('not the name of this project'),
    });
    const { code, out } = await type(
      `project delete ${CONTROL} --name shop --reason "the customer left"`,
    );
    const [opened] = [...engine.operations.values()];
    expect({ code, out }).toEqual({
      code: 0,
      out: `${opened?.id} was opened. Follow it: propagator operation show ${opened?.id}\n`,
    });
    expect(opened?.request).toMatchObject({
      by: 'ann',
      reason: 'the customer left',
      enabled: true,
    });
    const shownAnswer = await type(`operation show ${opened?.id}`);
    expect(shownAnswer).toMatchObject({
      code: 5,
      out: expect.stringContaining('requested by ann'),
    });
    expect(JSON.parse((await type(`operation show ${opened?.id} --json`)).out)).toMatchObject({
      operation: { id: opened?.id },
    });
  });

  it.each([
    ['finished', 0],
    ['observed', 0],
    ['refused', 3],
    ['unverified', 3],
    ['superseded', 3],
    ['canceled', 3],
    ['held', 3],
    ['pre-delete', 5],
    ['closing', 5],
  ] as const)(
    'returns an exit code for each state of an operation: %s is %i',
    async (state, code) => {
      const { engine, type } = commandLine();
      const stored = operation({ state });
      await engine.commit({ operations: [stored] });
      expect(await type(`operation show ${stored.id}`)).toMatchObject({ code });
    },
  );

  it('exits with 4 for a dead letter, 1 for an unknown operation, 64 for wrong usage', async () => {
    const { engine, type } = commandLine();
    const stored = operation({ state: 'running' });
    const error = {
      code: 'nova.http.403',
      class: 'Denied',
      message: 'no',
      advice: 'Ask.',
    } as const;
    await engine.commit({
      operations: [stored],
      tasks: [task(stored.id, 'nova', { state: 'dead-lettered', error })],
    });
    expect(await type(`operation show ${stored.id}`)).toMatchObject({ code: 4 });
    expect(await type('operation show op-000000000000')).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no operation with this id'),
    });
    expect(await type('operation list --state gone')).toMatchObject({ code: 64 });
    expect(await type('cleanse')).toMatchObject({ code: 64 });
    expect(await type('--help')).toMatchObject({
      code: 0,
      out: expect.stringContaining('Exit codes:'),
    });
  });

  it('shows current waivers for a running operation and stored ones for an ended operation', async () => {
    const { engine, type } = commandLine();
    const uncovered = [{ type: 'rating', name: 'cloudkitty' }];
    const [running, ended] = [
      operation({ state: 'running', uncovered }),
      operation({ state: 'unverified', uncovered }),
    ];
    const endedWithWaiver = operation({
      state: 'finished',
      uncovered,
      waived: [{ type: 'rating', by: 'ann', reason: 'then', at: engine.time }],
    });
    await engine.commit({
      operations: [running, ended, endedWithWaiver],
      waivers: [{ type: 'rating', by: 'bob', reason: 'later', at: engine.time }],
    });
    expect((await type(`operation show ${running.id}`)).out).toMatch(
      /Waived\n- rating \(cloudkitty\): by bob/,
    );
    expect((await type(`operation show ${ended.id}`)).out).toMatch(
      /Not covered[^\n]*\n\? rating \(cloudkitty\)/,
    );
    expect((await type(`operation show ${endedWithWaiver.id}`)).out).toMatch(
      /Waived\n- rating \(cloudkitty\): by ann/,
    );
  });

  it('lists the operations of a user', async () => {
    const { engine, type } = commandLine();
    const id = UserId.parse('u1');
    const operationOfUser = operation({ scope: { type: 'user', id, name: 'bob', projects: [] } });
    await engine.commit({ operations: [operationOfUser, operation()] });
    const { code, out } = await type('operation list --user u1');
    expect([code, out.trim().split('\n').length]).toEqual([0, 2]);
    expect(out).toContain(`${operationOfUser.id}  user bob`);
  });

  it('shows the number of held deletions in the status, with the command that lists them', async () => {
    const { engine, type } = commandLine();
    expect((await type('status')).out).toMatch(/suspicious deletions +none/);
    await engine.commit({
      accounts: ['never-1', 'never-2'].map((id) => ({
        account: { type: 'user', id: UserId.parse(id) },
        seenAt: 0,
        deletedAt: 1,
        members: undefined,
        suspicion: {
          cause: { messageId: 'm', eventType: 'identity.user.deleted', at: 1 },
          at: 1,
          keystone: 'absent',
        },
      })),
    });
    expect((await type('status')).out).toMatch(
      /suspicious deletions +2 held; list them: propagator suspicious list/,
    );
    expect(JSON.parse((await type('status --json')).out)).toMatchObject({ suspicious: 2 });
  });

  it('shows the project of a resource with a hold, if it is known', async () => {
    const { engine, type } = commandLine();
    const stored = { target: 'resource', by: 'ann', reason: 'evidence', at: 1 } as const;
    const first = { ...stored, id: 'nova.server/s1', project: ProjectId.parse('p1') };
    const second = { ...stored, id: 'nova.server/s2' };
    const documents = [first, second].map((one) =>
      deletionHoldDocument('resource', one.id, 0, one),
    );
    await engine.commit({ documents });
    const { out } = await type('hold list');
    expect(out).toMatch(/TARGET +ID +PROJECT +BY/);
    expect(out).toMatch(/resource +nova.server\/s1 +p1 +ann/);
    expect(out).toMatch(/resource +nova.server\/s2 +ann/);
    const { out: json } = await type('hold list -f json');
    expect(JSON.parse(json).holds).toMatchObject([{ project: 'p1' }, {}]);
  });

  it('shows a project that was enabled in Keystone during a hold, with the next command', async () => {
    const { engine, type } = commandLine();
    const hold = { by: 'ann', reason: 'the invoice', at: 1 };
    await engine.commit({ documents: [suspensionHoldDocument('aaaa', 0, hold)] });
    expect((await type('status')).out).toMatch(/projects enabled in Keystone during a hold +none/);
    expect((await type('hold list')).out).toMatch(/aaaa +ann +\S.* +no +the invoice/);
    const enabled = { ...hold, enabledAt: '2026-11-29T00:00:00.000Z' };
    await engine.commit({ documents: [suspensionHoldDocument('aaaa', 1, enabled)] });
    expect((await type('status')).out).toMatch(
      /projects enabled in Keystone during a hold +1 held suspended; list them: propagator hold list/,
    );
    const { out } = await type('hold list');
    expect(out).toMatch(/aaaa +ann .*2026-11-29.* the invoice/);
    expect(out).toContain('aaaa was enabled in Keystone. Find out in the log of Keystone');
    expect(out).toContain('openstack project set --disable aaaa');
  });

  it('reports an error when no propagator is running', async () => {
    const unreachableClient = new ApiClient('http://127.0.0.1:9', () =>
      Promise.reject(new TypeError('fetch failed')),
    );
    const errorOutput: string[] = [];
    const terminal = {
      version: '1.2.3',
      color: plain,
      me: () => 'ann',
      now: Date.now,
      write: () => {},
      exitCode: 0,
    };
    const code = await runCommand(['status'], {
      ...terminal,
      client: unreachableClient,
      writeError: (text) => void errorOutput.push(text),
    });
    expect([code, errorOutput.join('')]).toEqual([
      1,
      expect.stringContaining('no propagator answered'),
    ]);
  });

  it.each([
    ['an input that the API refuses', { code: 'api.input', message: 'no' }, 64, 'no\n'],
    [
      'another error',
      { code: 'api.busy', message: 'n\u001bo', advice: 'Wait.' },
      1,
      'n\\u{1b}o\nWait.\n',
    ],
  ])('exits with the code for %s', async (_, error, code, text) => {
    const client = clientOfAnn(async () => Response.json({ error }, { status: 400 }));
    expect(await typeLine('status', { client, now: () => 0 })).toEqual({
      code,
      out: '',
      err: `propagator: ${text}`,
    });
  });

  it.each([
    ['a list', () => Response.json([]), ''],
    ['a wrong field', () => Response.json({ queues: 1 }), / at \w+/],
    ['text that is not JSON', () => new Response('<html>'), ''],
    ['no text', () => new Response(''), ''],
  ])('exits with 1 for an answer of another form: %s', async (_, answer, field) => {
    const client = clientOfAnn(async () => answer());
    const { code, out, err } = await typeLine('status', { client, now: () => 0 });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err.trimEnd().split('\n')).toEqual([
      expect.stringMatching(/^propagator: the answer to \/\S+ has another form than this release/),
      expect.stringContaining('PROPAGATOR_API_URL'),
    ]);
    expect(err).toMatch(field);
  });

  it('exits with 1 and an advice for an answer that breaks off', async () => {
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('{"queues":'));
        controller.error(new TypeError('terminated'));
      },
    });
    const client = clientOfAnn(async () => new Response(body));
    const { code, out, err } = await typeLine('status', { client, now: () => 0 });
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^propagator: the connection to http\S+ broke .*\n.*operation list\n$/);
  });
});
