import { OperationId, ResourceTypeName } from '../../../events/ids.ts';
import type { Condition } from '../../../events/service.ts';
import { createApi } from '../../../lib/api/api.ts';
import { DeadLettersShape, OperationShape, OperationsShape } from '../../../lib/cli/shapes.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { MAX_SHOWN_LENGTH } from '../../../lib/engine/port.ts';
import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import { describeHold } from '../../../lib/operation/deletion-hold.ts';
import type { ErrorReport } from '../../../lib/shared/errors.ts';
import { apiAccess, type Caller, changeBy } from '../../api-tokens.ts';
import { confirmation, operation, quarantined, requested, task } from '../../engine/samples.ts';
import { Simulation } from '../../property/simulation.ts';
import { SECRET_PART, SECRET_TEXTS } from '../shared/secrets.ts';

const deniedError: ErrorReport = {
  code: 'nova.http.403',
  class: 'Denied',
  message: 'no',
  advice: 'Ask.',
  requestId: 'req-1',
  status: 403,
};

function createTestApi(engine = new SteppedEngine()) {
  const { deps } = new Simulation({
    resources: [0, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  const app = createApi({
    ...deps,
    ...apiAccess,
    engine,
    health: () => ({ ok: true }),
    now: () => engine.time,
  });
  /** `by`: the caller whose token the request has. */
  const call = async (
    path: string,
    change?: { readonly by?: Caller; readonly [field: string]: unknown },
  ): Promise<{ status: number; body: unknown }> => {
    const { by = 'ann', ...body } = change ?? {};
    const init = change && changeBy(by, body);
    const answer = await app.request(`http://127.0.0.1:8787${path}`, init);
    return { status: answer.status, body: await answer.json() };
  };
  return { engine, call };
}
const deadLettersIn = (body: unknown) => DeadLettersShape.parse(body).deadLetters;
const receivedMessage = (body: string) => ({
  type: 'notification.received',
  data: { body, encoding: 'utf8', source: 'http', receivedAt: 1 },
});

describe('dead letters in the API', () => {
  it('are listed for every queue, with cause, task and expiry', async () => {
    const { engine, call } = createTestApi();
    const message = requested('nova', 3);
    engine.moveToDeadLetters('service-nova', message, {
      error: deniedError,
      receiveCount: 9,
      expiresAt: 5,
    });
    engine.moveToDeadLetters('ingest', receivedMessage('{"event_type":"x"}'));
    engine.moveToDeadLetters('coordinate', confirmation(message.data.operationId, 2));
    const { operationId, taskId } = message.data;
    const { body } = await call('/v1/dead-letters');
    expect(deadLettersIn(body)).toEqual([
      {
        id: '1',
        queue: 'service-nova',
        message,
        operationId,
        task: { taskId, run: 3 },
        error: deniedError,
        cause: 'nova.http.403',
        receiveCount: 9,
        at: engine.time,
        expiresAt: 5,
      },
      expect.objectContaining({
        queue: 'ingest',
        cause: 'engine.gave-up',
        message: expect.objectContaining({ type: 'notification.received' }),
      }),
      expect.objectContaining({ queue: 'coordinate', operationId }),
    ]);
    const ids = async (query: string) =>
      deadLettersIn((await call(`/v1/dead-letters?${query}`)).body).map(({ id }) => id);
    expect(await ids('service=nova')).toEqual(['1']);
    expect(await ids('queue=ingest')).toEqual(['2']);
    expect(await ids(`operation=${operationId}`)).toEqual(['1', '3']);
    expect(await ids('cause=engine.gave-up')).toEqual(['2', '3']);
    expect(await ids('id=3')).toEqual(['3']);
  });

  it('show no secret and at most one page of foreign text', async () => {
    const { engine, call } = createTestApi();
    const text = `{"_context_auth_token":"hush-1","event_type":"x","more":"${'y'.repeat(2 * MAX_SHOWN_LENGTH)}"}`;
    engine.moveToDeadLetters('ingest', receivedMessage(text));
    engine.moveToDeadLetters('ingest', {
      ...receivedMessage(''),
      data: {
        ...receivedMessage('').data,
        body: Buffer.from(text).toString('base64'),
        encoding: 'base64',
      },
    });
    engine.moveToDeadLetters('service-nova', {
      type: 'service.requested',
      data: { token: 'hush-2', strange: true },
    });
    const { body } = await call('/v1/dead-letters');
    expect(JSON.stringify(body)).not.toContain('hush');
    expect(JSON.stringify(body).length).toBeLessThan(3 * MAX_SHOWN_LENGTH);
    const [plain, encoded, unreadable] = deadLettersIn(body);
    expect(plain?.message?.data).toMatchObject({
      body: expect.stringContaining('"event_type":"x"'),
      bytes: text.length,
    });
    expect(encoded?.message?.data.body).toBe(plain?.message?.data.body);
    expect(unreadable).toMatchObject({
      queue: 'service-nova',
      unreadable: expect.stringContaining('"strange":true'),
    });
    expect(unreadable).not.toHaveProperty('message');
  });

  it.each(SECRET_TEXTS)(
    'show no part of %s in any encoding, and neither does any other route',
    async (_, text) => {
      const { engine, call } = createTestApi();
      const error = { ...deniedError, message: text, advice: text };
      const base64 = (body: string) => ({
        body: Buffer.from(`\u0000${body}`).toString('base64'),
        encoding: 'base64' as const,
      });
      const textAtCutLength = ' '.repeat(MAX_SHOWN_LENGTH - text.indexOf(SECRET_PART) - 2) + text;
      const { id } = operation();
      for (const body of [text, JSON.stringify({ 'oslo.message': text }), textAtCutLength]) {
        engine.moveToDeadLetters('ingest', receivedMessage(body), { error });
        engine.moveToDeadLetters('ingest', {
          type: 'notification.received',
          data: { ...receivedMessage('').data, ...base64(body) },
        });
        engine.moveToDeadLetters('service-nova', { strange: body });
        engine.moveToDeadLetters('service-nova', body);
        await engine.commit({ quarantine: [quarantined({ body }), quarantined(base64(body))] });
      }
      engine.moveToDeadLetters('service-nova', requested('nova', 1, id), { error });
      const condition = { class: 'Blocked', message: text, actor: 'operator', count: 1 } as const;
      await engine.commit({
        operations: [
          operation({
            id,
            state: 'running',
            hold: { reason: text, since: 1, advice: text, about: 'cap' },
          }),
        ],
        tasks: [
          task(id, 'nova', {
            state: 'dead-lettered',
            error,
            conditions: [condition],
            because: text,
          }),
        ],
      });
      const paths = [
        '/v1/dead-letters',
        '/v1/quarantine',
        '/v1/operations',
        `/v1/operations/${id}`,
        '/v1/decisions',
      ];
      expect(
        (await call('/v1/dead-letters/discard', { operation: id, by: 'ann', reason: text })).status,
      ).toBe(200);
      const answers = await Promise.all(paths.map((path) => call(path)));
      expect(answers.map(({ status }) => status)).toEqual(paths.map(() => 200));
      const answersText = JSON.stringify(answers.map(({ body }) => body));
      expect(answersText.split('[redacted]').length).toBeGreaterThan(10);
      expect(answersText).not.toContain(SECRET_PART);
      expect(answersText).not.toContain(SECRET_PART.slice(0, 2));
    },
  );

  it('show one page of text in every encoding, as quarantined notifications do', async () => {
    const { engine, call } = createTestApi();
    const text = `{"event_type":"x","more":"${'y'.repeat(2 * MAX_SHOWN_LENGTH)}"}`;
    await engine.commit({
      quarantine: [
        quarantined({
          body: Buffer.from(text).toString('base64'),
          encoding: 'base64',
          bytes: text.length,
        }),
      ],
    });
    const { body } = await call('/v1/quarantine');
    expect(body).toMatchObject({
      total: 1,
      records: [
        { body: `${text.slice(0, MAX_SHOWN_LENGTH)}…`, encoding: 'utf8', bytes: text.length },
      ],
    });
  });

  it.each([
    ['redrive', {}],
    ['redrive', { reason: 'x' }],
    ['redrive', { service: 'nova', reason: '' }],
    ['redrive', { queue: 'elsewhere' }],
    ['redrive', { queue: 'ingest-dead' }],
    ['discard', { reason: 'x' }],
    ['discard', { all: true, reason: 'x' }],
    ['discard', { service: 'nova' }],
    ['discard', { service: 'nova', reason: '' }],
  ])('are not changed without a selection or a reason: %s %j', async (what, selection) => {
    const { engine, call } = createTestApi();
    engine.moveToDeadLetters('service-nova', requested('nova'), { error: deniedError });
    engine.moveToDeadLetters('ingest', receivedMessage('{}'));
    expect((await call(`/v1/dead-letters/${what}`, selection)).status).toBe(400);
    expect([engine.deadLetterList.length, engine.decisions]).toEqual([2, []]);
  });

  it('are redriven or discarded with name and reason, and the operation shows both', async () => {
    const { engine, call } = createTestApi();
    const running = operation({ state: 'running' });
    await engine.commit({
      operations: [running],
      tasks: [task(running.id, 'nova', { state: 'dead-lettered', error: deniedError, run: 2 })],
    });
    for (const service of ['nova', 'neutron'])
      engine.moveToDeadLetters(`service-${service}`, requested(service, 2, running.id), {
        error: deniedError,
      });
    expect(
      await call('/v1/dead-letters/redrive', { service: 'nova', by: 'ann', reason: 'role given' }),
    ).toEqual({
      status: 200,
      body: { redriven: 1 },
    });
    expect(
      await call('/v1/dead-letters/discard', {
        service: 'neutron',
        by: 'bob',
        reason: 'torn down',
      }),
    ).toEqual({
      status: 200,
      body: { discarded: 1, unrestored: [] },
    });
    expect(engine.deadLetterList).toEqual([]);
    const common = {
      id: expect.any(String),
      at: engine.time,
      operationId: running.id,
      cause: 'nova.http.403',
      count: 1,
    };
    const decisions = [
      { ...common, what: 'discarded', by: 'bob', reason: 'torn down', queue: 'service-neutron' },
      { ...common, what: 'redriven', by: 'ann', reason: 'role given', queue: 'service-nova' },
    ];
    expect((await call(`/v1/operations/${running.id}`)).body).toMatchObject({ decisions });
    expect((await call('/v1/decisions')).body).toEqual({ decisions });
    expect((await call('/v1/decisions?limit=1')).body).toEqual({
      decisions: decisions.slice(0, 1),
    });
    expect((await call('/v1/decisions?operation=op-000000000000')).body).toEqual({ decisions: [] });
  });

  it('are all kept if a discard selects a message of the coordinator that its operation needs', async () => {
    const { engine, call } = createTestApi();
    const [open, ended] = [
      operation({ state: 'confirming' }),
      operation({ state: 'finished', endedAt: 2 }),
    ];
    const parent = operation({ state: 'waiting' });
    await engine.commit({ operations: [open, ended, parent] });
    engine.moveToDeadLetters('coordinate', confirmation(open.id));
    engine.moveToDeadLetters('service-nova', requested('nova', 1, open.id));
    engine.moveToDeadLetters('coordinate', confirmation(ended.id));
    engine.moveToDeadLetters('coordinate', {
      type: 'operation.finished',
      data: { operationId: ended.id, state: 'finished', parentId: parent.id },
    });
    engine.moveToDeadLetters('coordinate', {
      type: 'operation.confirm',
      data: { operationId: open.id, strange: true },
    });
    const discard = (selection: object) =>
      call('/v1/dead-letters/discard', { by: 'ann', reason: 'x', ...selection });
    expect(await discard({ operation: open.id })).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'api.discard',
          message: expect.stringMatching(
            new RegExp(`${open.id} is confirming.*operation\\.confirm.*Redrive the message`),
          ),
        },
      },
    });
    expect(await discard({ id: '4' })).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(parent.id) } },
    });
    expect(engine.deadLetterList).toHaveLength(5);
    // These are messages of an ended operation, of an unknown form, and of a task.
    expect(await discard({ id: '3' })).toMatchObject({ body: { discarded: 1 } });
    expect(await discard({ id: '5' })).toMatchObject({ body: { discarded: 1 } });
    expect(await discard({ service: 'nova' })).toMatchObject({ body: { discarded: 1 } });
  });

  it('are all kept if a discard selects a task that has a resource with a hold', async () => {
    const { engine, call } = createTestApi();
    const running = operation({ state: 'running' });
    const id = 'cinder.backup/b1';
    const hold = { target: 'resource', id, by: 'ann', reason: 'lawsuit', at: 0 } as const;
    const blocked: Condition = {
      class: 'Blocked',
      resourceType: ResourceTypeName.parse('cinder.backup'),
      count: 1,
      example: 'b1',
      ...describeHold(hold),
    };
    const cinder = task(running.id, 'cinder', {
      state: 'dead-lettered',
      error: deniedError,
      run: 2,
      conditions: [blocked],
    });
    await engine.commit({
      operations: [running],
      tasks: [
        cinder,
        task(running.id, 'nova', { state: 'dead-lettered', error: deniedError, run: 2 }),
      ],
      documents: [deletionHoldDocument('resource', id, 0, hold)],
    });
    for (const service of ['cinder', 'nova'])
      engine.moveToDeadLetters(`service-${service}`, requested(service, 2, running.id));
    const discard = () =>
      call('/v1/dead-letters/discard', { operation: running.id, reason: 'torn down' });
    expect(await discard()).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'api.discard',
          message: expect.stringMatching(/a hold keeps resource cinder.backup.b1.*Nothing was/),
          advice: expect.stringContaining('propagator hold remove --resource cinder.backup/b1'),
        },
      },
    });
    expect([engine.deadLetterList.length, engine.decisions]).toEqual([2, []]);
    await engine.commit({ documents: [deletionHoldDocument('resource', id, 1, undefined)] });
    expect(await discard()).toMatchObject({ status: 200, body: { discarded: 2 } });
  });

  it('are not discarded if they arrive during a discard', async () => {
    const { engine, call } = createTestApi();
    const running = operation({ state: 'running' });
    await engine.commit({ operations: [running] });
    engine.moveToDeadLetters('service-nova', requested('nova', 1, running.id));
    const listDeadLetters = engine.deadLetters.bind(engine);
    engine.deadLetters = async (filter) => {
      const deadLetters = await listDeadLetters(filter);
      engine.moveToDeadLetters('coordinate', confirmation(running.id));
      return deadLetters;
    };
    expect(
      await call('/v1/dead-letters/discard', { operation: running.id, by: 'ann', reason: 'x' }),
    ).toMatchObject({
      body: { discarded: 1, unrestored: [] },
    });
    expect(engine.deadLetterList.map(({ queue }) => queue)).toEqual(['coordinate']);
  });

  it('keep their operation open if another person redrives them during a discard', async () => {
    const { engine, call } = createTestApi();
    const keystoneAction = { what: 'enable', number: 2, since: 1, done: false } as const;
    const canceled = operation({ state: 'canceled', keystoneAction });
    const other = operation({ state: 'running' });
    await engine.commit({ operations: [canceled, other] });
    engine.moveToDeadLetters(
      'coordinate',
      {
        type: 'operation.keystone-action',
        data: { operationId: canceled.id, what: 'enable', number: 2 },
      },
      { error: deniedError },
    );
    engine.moveToDeadLetters('service-nova', requested('nova', 1, other.id), {
      error: deniedError,
    });
    const originalDiscard = engine.discard.bind(engine);
    engine.discard = async (filter, decided) => {
      await engine.redrive({ operationId: canceled.id }, { by: 'bob', origin: undefined } as never);
      return originalDiscard(filter, decided);
    };
    const answer = await call('/v1/dead-letters/discard', {
      cause: 'nova.http.403',
      by: 'ann',
      reason: 'x',
    });
    expect(answer).toMatchObject({ status: 200, body: { discarded: 1 } });
    expect((await engine.reads.operation(canceled.id))?.keystoneAction).toMatchObject({
      done: false,
    });
  });

  it('block their operation and are named there; a message of an older run does not block it', async () => {
    const { engine, call } = createTestApi();
    const running = operation({ id: OperationId.parse('op-0123456789ab'), state: 'running' });
    const [nova, swift] = ['nova', 'swift'].map((service) =>
      task(running.id, service, { state: 'requested', run: 3, progressAt: 7 }),
    );
    if (!nova || !swift) throw new Error('no tasks');
    await engine.commit({
      operations: [running, operation({ state: 'running' })],
      tasks: [nova, swift],
    });
    engine.moveToDeadLetters('service-nova', requested('nova', 3, running.id));
    engine.moveToDeadLetters('service-swift', requested('swift', 2, running.id));
    engine.moveToDeadLetters('coordinate', confirmation(running.id));
    const waits = [
      {
        on: 'the coordinator could not handle a message of this operation: operation.confirm',
        actor: 'operator',
        deadLetter: true,
        since: engine.time,
      },
      {
        on: 'nova: in every delivery, its function ended without a report',
        actor: 'operator',
        deadLetter: true,
        since: 7,
      },
    ];
    const view = OperationShape.parse((await call(`/v1/operations/${running.id}`)).body);
    expect(view.waitsOn).toEqual(waits.map((wait) => expect.objectContaining(wait)));
    const { operations } = OperationsShape.parse((await call('/v1/operations')).body);
    expect(operations.map(({ waitsOn }) => waitsOn.length).toSorted()).toEqual([0, 2]);
  });
});
