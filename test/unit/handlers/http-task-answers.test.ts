import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { TaskId } from '../../../events/ids.ts';
import { runHttpTask } from '../../../lib/handlers/http-task.ts';
import type { Task } from '../../../lib/operation/model.ts';
import { listen, readBody } from '../../cloud/http.ts';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';
import { SECRET_PART, SECRET_TEXTS } from '../shared/secrets.ts';

const SECRET = 'hunter2-and-a-token';
let simulation: StatefulSimulation;
let server: Server;
let url: string;
let received: { body: string; headers: IncomingMessage['headers']; path: string | undefined }[];
let answer: (response: ServerResponse, to: { path: string | undefined; phase: string }) => void;

beforeEach(async () => {
  received = [];
  answer = (response) => response.writeHead(202).end();
  server = createServer(async (request, response) => {
    received.push({
      body: (await readBody(request)).toString('utf8'),
      headers: request.headers,
      path: request.url,
    });
    const { phase } = JSON.parse(received.at(-1)?.body ?? '').data as { phase: string };
    answer(response, { path: request.url, phase });
  });
  url = `http://127.0.0.1:${await listen(server, 0)}/tasks`;
  simulation = new StatefulSimulation([{ name: 'compute', resourceTypes: { server: 'A' } }]);
  simulation.httpPlugins.push('billing');
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
});
afterEach(async () => {
  simulation.expectOthersUntouched();
  server.closeAllConnections();
  if (server.listening) await new Promise((resolve) => server.close(resolve));
});

/** Delivers the messages that are due. The HTTP plugin is called over HTTP. */
async function deliver(maxMessages = 40): Promise<void> {
  for (let n = 0; n < maxMessages; n += 1) {
    const next = simulation.engine.waiting.find(({ dueAt }) => dueAt <= simulation.engine.time);
    if (!next) return;
    const { message } = next;
    if (message.type === 'service.requested' && message.data.service === 'billing')
      await runHttpTask({ name: 'billing', url }, [{ message, receiveCount: 1 }], {
        ...simulation.deps,
        stallTimeoutMillis: 600_000,
      });
    else await simulation.handle(message);
    simulation.engine.removeDelivered(next);
  }
}
const wait = (seconds: number): Promise<void> => {
  simulation.engine.time += seconds * 1000;
  return deliver();
};
const billing = (): Task => simulation.task('billing');
/** Reports each phase as finished. */
const answerFinished: typeof answer = (response, { phase }) =>
  response.writeHead(200).end(body('finished', phase, { result: 'finished' }));
const body = (type: string, phase: string, data: object) =>
  JSON.stringify({ type: `service.${type}`, phase, data });
const storedState = () =>
  JSON.stringify([
    ...simulation.engine.tasks.values(),
    ...simulation.engine.operations.values(),
    simulation.engine.deadLetterList,
    simulation.engine.waiting,
  ]);

/** A report of each type with `text` in each of its free texts. */
const reportsWithText = (text: string) => {
  const condition = { class: 'Blocked', actor: 'operator', count: 1 };
  const texts = { message: text, advice: text, example: text, requestId: text };
  const error = {
    ...{ class: 'Transient', code: text, message: text, advice: text },
    ...{ service: text, region: text, requestId: text },
  };
  const conditions = [{ ...condition, ...texts }];
  return [
    ['progressed', { conditions, again: { afterSeconds: 60, error, returned: error } }],
    ['failed', { conditions, error: { ...error, class: 'Unexpected' } }],
    ['finished', { conditions, result: 'unreachable', because: text }],
  ] as const;
};

describe('a secret in any free text of a report', () => {
  const SENTENCE = `cannot log in: the password is ${SECRET_PART}-4711 for admin`;
  const PLANTED = [...SECRET_TEXTS, ['a sentence', SENTENCE] as const];
  const CASES = PLANTED.flatMap(([name, text]) =>
    reportsWithText(text).map(([type, data]) => [name, type, data] as const),
  );
  const shownByApi = async () => {
    const listed = await simulation.call('GET', '/v1/operations');
    const one = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    return JSON.stringify([listed, one]);
  };

  it.each(CASES)('%s, answered as %s, is neither stored nor shown', async (_, type, data) => {
    answer = (response, { phase }) => response.writeHead(200).end(body(type, phase, data));
    await deliver();
    expect(storedState()).not.toContain(SECRET_PART);
    expect(await shownByApi()).not.toContain(SECRET_PART);
  });

  it.each(CASES)('%s, reported as %s, is neither stored nor shown', async (_, type, data) => {
    await deliver();
    const report = { type: `service.${type}`, phase: 'plan', data };
    const path = `/v1/tasks/${encodeURIComponent(billing().id)}/report`;
    expect(await simulation.call('POST', path, report)).toMatchObject({ status: 202 });
    await deliver();
    expect(storedState()).not.toContain(SECRET_PART);
    expect(await shownByApi()).not.toContain(SECRET_PART);
  });
});

describe('the answer of an HTTP plugin', () => {
  it('is stored on one line, without control characters, and with a limited length', async () => {
    const text = `\u001b[2Jfirst\u0000 line\r\nsecond\u202e line ${'x'.repeat(5_000)}`;
    const [[type, data]] = reportsWithText(text);
    answer = (response, { phase }) => response.writeHead(200).end(body(type, phase, data));
    await deliver();
    const { error, conditions } = billing();
    expect(error?.message).toMatch(/^\[2Jfirst line second line x+…$/);
    for (const shown of [error?.message, error?.advice, conditions[0]?.message])
      expect(shown?.length).toBe(500);
    for (const name of [error?.code, error?.requestId, conditions[0]?.example])
      expect(name?.length).toBe(200);
  });

  it.each([
    [
      'too many conditions',
      {
        conditions: Array(26).fill({ class: 'Blocked', message: 'x', actor: 'operator', count: 1 }),
      },
      'the limit is 25',
    ],
    ['too long a body', { because: 'x'.repeat(300_000) }, 'larger than 256 KB'],
  ])('is a failed attempt if it has %s', async (_, data, message) => {
    answer = (response, { phase }) =>
      response.writeHead(200).end(body('finished', phase, { result: 'finished', ...data }));
    await deliver();
    expect(billing()).toMatchObject({
      state: 'planning',
      error: { class: 'Unexpected', message: expect.stringContaining(message) },
    });
  });

  it.each(SECRET_TEXTS)('is stored without %s', async (_, text) => {
    const conditions = [{ class: 'Blocked', message: text, actor: 'operator', count: 1 }];
    const error = { code: 'billing.500', class: 'Transient', message: text, advice: text };
    answer = (response, { phase }) =>
      response
        .writeHead(200)
        .end(body('progressed', phase, { conditions, again: { afterSeconds: 60, error } }));
    await deliver();
    expect(billing().error).toMatchObject({ message: expect.stringContaining('[redacted]') });
    expect(storedState()).not.toContain(SECRET_PART);
  });

  it.each<[string, (response: ServerResponse) => void, string]>([
    ['a closed connection', (response) => response.destroy(), 'does not answer'],
    [
      'half a body',
      (response) =>
        response.writeHead(200, { 'content-length': 900 }).write(SECRET, () => response.destroy()),
      'does not answer',
    ],
    ['503', (response) => response.writeHead(503).end(SECRET), 'answered 503'],
    ['401', (response) => response.writeHead(401).end(SECRET), 'answered 401'],
    ['404', (response) => response.writeHead(404).end(SECRET), 'answered 404'],
    ['204', (response) => response.writeHead(204).end(), 'answered 204'],
  ])('%s: the plugin is called again, and the task is not finished', async (_, how, message) => {
    answer = how;
    await deliver();
    expect(billing()).toMatchObject({
      state: 'planning',
      error: { class: 'Transient', message: expect.stringContaining(message) },
    });
    expect(storedState()).not.toContain(SECRET);
    answer = answerFinished;
    for (let n = 0; n < 3; n += 1) await wait(60);
    expect(billing()).toMatchObject({ state: 'finished', error: undefined });
  });

  it.each([
    ['text that is not JSON', SECRET, 'its answer is not JSON'],
    ['a web page', `<html>${SECRET}</html>`, 'its answer is not JSON'],
    ['an empty body', '', 'its answer is not JSON'],
    ['JSON that is not a report', JSON.stringify({ token: SECRET }), 'its answer is not a report'],
    [
      'a report of an unknown type',
      body('exploded', 'plan', { why: SECRET }),
      'its answer is not a report',
    ],
    [
      'a count that is not a number',
      body('finished', 'plan', {
        result: 'finished',
        counts: { 'billing.bill': { listed: SECRET } },
      }),
      'its answer is not a report',
    ],
    [
      'the end of another phase',
      body('finished', 'apply', { result: 'finished' }),
      'the report is about phase apply',
    ],
  ])(
    '200 with %s: the attempt fails, and the error contains nothing of the body',
    async (_, text, message) => {
      answer = (response) => response.writeHead(200).end(text);
      await deliver();
      expect(billing()).toMatchObject({
        state: 'planning',
        attempts: 1,
        error: { code: 'billing.answer', class: 'Unexpected' },
      });
      expect(billing().error?.message).toContain(message);
      expect(storedState()).not.toContain(SECRET);
    },
  );

  it('is missing if no process listens at its URL', async () => {
    await new Promise((resolve) => server.close(resolve));
    await deliver();
    expect(billing()).toMatchObject({
      state: 'planning',
      error: { code: 'billing.unreachable', class: 'Transient' },
    });
    expect(storedState()).not.toContain('127.0.0.1');
  });

  it.each([301, 302, 303, 307, 308])(
    'redirect %i: it is not followed, and no other URL is called',
    async (status) => {
      answer = (response, { path }) =>
        path === '/elsewhere'
          ? response.writeHead(200).end(body('finished', 'plan', { result: 'finished' }))
          : response.writeHead(status, { location: '/elsewhere' }).end();
      await deliver();
      expect(received.map(({ path }) => path)).toEqual(['/tasks']);
      expect(billing()).toMatchObject({
        state: 'planning',
        error: { code: `billing.http.${status}` },
      });
    },
  );

  it('is invalid repeatedly: the task is dead-lettered, and continues after a redrive', async () => {
    answer = (response) => response.writeHead(200).end('{}');
    await deliver();
    for (let n = 0; n < 8; n += 1) await wait(300);
    expect(billing().state).toBe('dead-lettered');
    expect(simulation.engine.deadLetterList.map(({ queue }) => queue)).toEqual(['service-billing']);
    answer = answerFinished;
    await simulation.engine.redrive({}, { by: 'bob' });
    for (let n = 0; n < 4; n += 1) await wait(60);
    expect(billing().state).toBe('finished');
    expect(simulation.state).toBe('finished');
  });
});

describe('the request to an HTTP plugin', () => {
  it('contains the event, without a token, a password or a key', async () => {
    await deliver();
    expect(received).toHaveLength(1);
    expect(JSON.parse(received[0]?.body ?? '')).toMatchObject({
      type: 'service.requested',
      data: {
        service: 'billing',
        phase: 'plan',
        project: TARGET,
        run: 1,
        taskId: `${simulation.operation.id}/billing/everywhere`,
      },
    });
    expect(Object.keys(received[0]?.headers ?? {})).not.toEqual(
      expect.arrayContaining(['authorization', 'x-auth-token', 'cookie']),
    );
  });

  it('is not sent while a removal is forbidden, nor for a run that has ended', async () => {
    answer = answerFinished;
    await deliver();
    expect(billing().state).toBe('pending');
    simulation.engine.time += 2000;
    for (let n = 0; n < 20 && simulation.state !== 'running'; n += 1) await deliver(1);
    simulation.protectedProjects = [TARGET];
    await deliver();
    expect(billing()).toMatchObject({
      state: 'requested',
      conditions: [{ message: expect.stringContaining('protected') }],
    });
    const phases = received.map(({ body: sent }) => JSON.parse(sent).data.phase);
    expect(phases).toContain('plan');
    expect(phases).not.toContain('apply');
    simulation.protectedProjects = [];
    answer = (response) => response.writeHead(202).end();
    for (let n = 0; n < 3; n += 1) await wait(60);
    const count = received.length;
    const old = {
      type: 'service.requested',
      data: JSON.parse(received[0]?.body ?? '').data,
    } as never;
    await runHttpTask({ name: 'billing', url }, [{ message: old, receiveCount: 2 }], {
      ...simulation.deps,
      stallTimeoutMillis: 600_000,
    });
    expect(received).toHaveLength(count);
  });
});

describe('POST /v1/tasks/:id/report', () => {
  const report = (id: string, what: unknown, pathSegment = encodeURIComponent(id)) =>
    simulation.call('POST', `/v1/tasks/${pathSegment}/report`, what);
  const done = { type: 'service.finished', phase: 'plan', data: { result: 'finished' } };

  it.each<[string, string, unknown, number]>([
    ['of a built-in service', 'compute/one', done, 403],
    ['of a task that does not exist', 'billing/nowhere', done, 404],
    ['about another phase', 'billing/everywhere', { ...done, phase: 'apply' }, 409],
    [
      'with an unknown result',
      'billing/everywhere',
      { ...done, data: { result: 'probably' } },
      400,
    ],
    [
      'with a negative count',
      'billing/everywhere',
      {
        ...done,
        data: { result: 'finished', counts: { 'billing.bill': { listed: -1, gone: 0, left: 0 } } },
      },
      400,
    ],
    [
      'with a negative delay',
      'billing/everywhere',
      { type: 'service.progressed', phase: 'plan', data: { again: { afterSeconds: -1 } } },
      400,
    ],
    ['that is no JSON object', 'billing/everywhere', 'garbage', 400],
    ['that is empty', 'billing/everywhere', '', 400],
  ])('%s is refused with a reason, and changes nothing', async (_, where, what, status) => {
    await deliver();
    const before = simulation.stored;
    const { length } = simulation.engine.waiting;
    const answered = await report(`${simulation.operation.id}/${where}`, what);
    expect(answered).toMatchObject({
      status,
      body: { error: { code: expect.stringMatching(/^api\./), message: expect.any(String) } },
    });
    expect(simulation.engine.waiting).toHaveLength(length);
    await deliver();
    expect(simulation.stored).toEqual(before);
  });

  it('about a task that was not requested is refused', async () => {
    simulation.cloud.broken.set('compute', failure('Transient'));
    await deliver();
    const { id } = billing();
    expect(await report(id, done)).toMatchObject({ status: 202, body: { taken: id } });
    await deliver();
    expect(billing().state).toBe('pending');
    expect(await report(id, done)).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('pending') } },
    });
  });

  it('is accepted even if the API receives a decoded path, as from API Gateway', async () => {
    await deliver();
    const { id } = billing();
    expect(await report(id, done, id)).toMatchObject({ status: 202, body: { taken: id } });
  });

  it('cannot report that the project was enabled', async () => {
    await deliver();
    const again = { afterSeconds: 5, enabled: true };
    expect(
      await report(billing().id, { type: 'service.progressed', phase: 'plan', data: { again } }),
    ).toMatchObject({ status: 202 });
    expect(JSON.stringify(simulation.engine.waiting)).not.toContain('enabled');
  });

  it('accepts only the id of a task in its path', async () => {
    expect(TaskId.safeParse('op-000000000000/billing/everywhere').success).toBe(true);
    expect((await report('billing', done)).status).toBe(400);
    expect((await report('../operations', done)).status).toBe(400);
  });
});
