import { MAX_BODY_BYTES, MAX_NOTIFICATIONS_BODY_BYTES } from '../../../lib/api/body.ts';
import { MAX_NOTIFICATIONS } from '../../../lib/api/notifications.ts';
import { headersOf } from '../../api-tokens.ts';
import { operation } from '../../engine/samples.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const bytes = (...values: number[]) => new Uint8Array(values);
const send = async (path: string, body: string | Uint8Array, type = 'application/json') => {
  const { app, engine, lines } = apiUnderTest();
  const answer = await app.request(`${BASE}${path}`, {
    method: 'POST',
    headers: headersOf('ann', type),
    body,
  });
  return { status: answer.status, body: await answer.json(), engine, lines };
};
const CHANGES = [
  '/v1/operations',
  '/v1/operations/op-0123456789ab/release',
  '/v1/waivers',
  '/v1/dead-letters/redrive',
  '/v1/dead-letters/discard',
  '/v1/tasks/op-0123456789ab%2Fcmdb%2FRegionOne/report',
];
const nestedArrays = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe.each(CHANGES)('POST %s', (path) => {
  it.each([
    ['nothing', ''],
    ['no JSON', 'cleanup please'],
    ['half of JSON', '{"type":"x","reason"'],
    ['JSON lines', '{}\n{}'],
    ['a number', '1'],
    ['null', 'null'],
    ['an array', '[{}]'],
    ['deep JSON', nestedArrays(20_000)],
    [
      'deep JSON in a known field',
      `{"type":${nestedArrays(20_000)},"reason":${nestedArrays(8000)}}`,
    ],
    [
      'a prototype',
      '{"__proto__":{"type":"x","reason":"y","all":true,"project":"p"},"constructor":{"prototype":{}}}',
    ],
    ['a field that is not known', '{"type":"x","reason":"y","surprise":1}'],
    ['a name in place of the identity', '{"type":"x","reason":"y","by":"root"}'],
    ['bytes that are not UTF-8', bytes(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d)],
  ])('answers 400 to %s, changes nothing and logs nothing', async (_, body) => {
    const { status, body: answer, engine, lines } = await send(path, body);
    expect({ status, answer }).toMatchObject({
      status: 400,
      answer: { error: { code: 'api.input' } },
    });
    expect(JSON.stringify(answer).length).toBeLessThan(700);
    expect([engine.waiting, [...engine.operations], [...engine.waivers], engine.decisions]).toEqual(
      [[], [], [], []],
    );
    expect(lines).toEqual([]);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});

describe.each([
  ['/v1/operations', { action: 'cleanup', project: 'p' }],
  ['/v1/operations/op-0123456789ab/release', {}],
  ['/v1/waivers', { type: 'rating' }],
  ['/v1/dead-letters/redrive', { service: 'nova' }],
  ['/v1/dead-letters/discard', { service: 'nova' }],
])('a reason in POST %s', (path, otherFields) => {
  const statusOf = async (reason: string) =>
    (await send(path, JSON.stringify({ ...otherFields, reason }))).status;

  it.each([
    ['a NUL', 'a\u0000b'],
    ['half a character', 'a\ud800b'],
    ['an escape sequence of a terminal', '\u001b[2J'],
    ['more than a page', 'x'.repeat(1001)],
  ])('is refused if it has %s', async (_, reason) => {
    expect(await statusOf(reason)).toBe(400);
  });

  it('can have line breaks, tabs and characters of any script', async () => {
    expect(await statusOf('left\n\tagreed: \u5951\u7d04 \ud83d\ude00')).not.toBe(400);
  });
});

describe('ids in a path', () => {
  it.each([
    '..%2f..%2fhealthz',
    '%00',
    '%',
    '%ff',
    'op-0123456789ab%00',
    'op-0123456789ab%0a',
    "op-'%3B--",
    '😀',
    'x'.repeat(5000),
  ])('%s gives an error with a reason, never an unexpected error', async (id) => {
    const { app, lines } = apiUnderTest();
    for (const [method = '', path = ''] of [
      ['GET', `/v1/operations/${id}`],
      ['POST', `/v1/operations/${id}/release`],
      ['POST', `/v1/tasks/op-0123456789ab%2Fcmdb%2F${id}/report`],
      ['DELETE', `/v1/waivers/${id}`],
      ['GET', `/v1/dead-letters?cause=${id}&id=${id}`],
      ['GET', `/v1/operations?project=${id}`],
    ]) {
      const body = method === 'POST' ? { body: '{"reason":"x"}' } : {};
      const answer = await app.request(`${BASE}${path}`, {
        method,
        headers: headersOf('ann'),
        ...body,
      });
      expect([200, 400, 404, 409]).toContain(answer.status);
    }
    expect(lines).toEqual([]);
  });
});

describe('a selection', () => {
  it('redrives no message if a field is misspelled', async () => {
    const { app, engine } = apiUnderTest();
    const open = operation({ state: 'running' });
    await engine.commit({ operations: [open] });
    engine.moveToDeadLetters('ingest', {
      type: 'notification.received',
      data: { body: '{}', encoding: 'utf8', source: 'x', receivedAt: 1 },
    });
    const body = '{"all":true,"servce":"nova"}';
    const answer = await app.request(`${BASE}/v1/dead-letters/redrive`, {
      method: 'POST',
      headers: headersOf('ann'),
      body,
    });
    expect([answer.status, engine.deadLetterList.length]).toEqual([400, 1]);
    const listed = await app.request(`${BASE}/v1/operations?projct=x`);
    expect(listed.status).toBe(400);
  });
});

describe('POST /v1/notifications', () => {
  const PATH = '/v1/notifications';
  const LINES = 'application/x-ndjson';
  const storedBodies = (engine: Awaited<ReturnType<typeof send>>['engine']) =>
    engine.waiting.map(
      ({ message }) => message.type === 'notification.received' && message.data.body,
    );

  it.each([
    ['one', 'application/json', '{"a":1}', ['{"a":1}']],
    ['one over several lines', 'application/json; charset=utf-8', '{\n"a":1\n}', ['{\n"a":1\n}']],
    ['an array', 'application/json', '[{"a":1},{"b":2}]', ['{"a":1}', '{"b":2}']],
    ['JSON lines', LINES, '{"a":1}\n\r\n  \n{"b":2}\r\n', ['{"a":1}', '{"b":2}\r']],
    [
      'JSON lines under the other name',
      'application/jsonl',
      '{"a":1}\n{"b":2}',
      ['{"a":1}', '{"b":2}'],
    ],
    ['garbage, for the quarantine', 'application/json', 'what is this', ['what is this']],
    [
      'deep JSON, for the quarantine',
      'application/json',
      `{"a":${nestedArrays(50_000)}}`,
      [`{"a":${nestedArrays(50_000)}}`],
    ],
    ['a prototype', 'application/json', '[{"__proto__":{"x":1}}]', ['{"__proto__":{"x":1}}']],
  ])('stores %s before it answers 202', async (_, type, body, expected) => {
    const { status, body: answer, engine } = await send(PATH, body, type);
    expect([status, answer, storedBodies(engine)]).toEqual([
      202,
      { stored: expected.length },
      expected,
    ]);
  });

  it('stores bytes that are not UTF-8 unchanged, for the quarantine', async () => {
    const { status, engine } = await send(PATH, bytes(0xff, 0xfe, 0x00));
    expect([status, storedBodies(engine)]).toEqual([202, ['//4A']]);
  });

  it.each([
    ['nothing', 'application/json', '  \n ', 400, 'api.input'],
    ['no lines', LINES, '\n\n\n', 400, 'api.input'],
    ['JSON lines that are not declared', 'application/json', '{"a":1}\n{"b":2}', 400, 'api.input'],
    ['an array of deep JSON', 'application/json', `[${nestedArrays(200_000)}]`, 400, 'api.input'],
    ['one line too many', LINES, '{}\n'.repeat(MAX_NOTIFICATIONS + 1), 413, 'api.too-many'],
    [
      'one element too many',
      'application/json',
      `[${'1,'.repeat(MAX_NOTIFICATIONS)}1]`,
      413,
      'api.too-many',
    ],
    [
      'a body of 17 MB',
      'application/json',
      `{"a":"${'x'.repeat(17_000_000)}"}`,
      413,
      'api.too-large',
    ],
    ['a body of 50 MB', LINES, 'x'.repeat(50_000_000), 413, 'api.too-large'],
  ])('stores nothing of %s and answers with an error', async (_, type, body, status, code) => {
    const answer = await send(PATH, body, type);
    expect(answer).toMatchObject({ status, body: { error: { code } }, lines: [] });
    expect(answer.engine.waiting).toEqual([]);
  });

  it('accepts a body of exactly the maximum size', async () => {
    const lines = '{}\n'.repeat(MAX_NOTIFICATIONS);
    expect((await send(PATH, lines, LINES)).body).toEqual({ stored: MAX_NOTIFICATIONS });
    expect((await send(PATH, `"${'x'.repeat(MAX_NOTIFICATIONS_BODY_BYTES - 2)}"`)).status).toBe(
      202,
    );
    expect(
      (await send('/v1/waivers', `{"type":"x","reason":"y"${' '.repeat(MAX_BODY_BYTES - 25)}}`))
        .status,
    ).toBe(201);
  });

  it.each([
    ['line ends', LINES, '\n'.repeat(MAX_NOTIFICATIONS_BODY_BYTES)],
    ['short lines', LINES, '1\n'.repeat(MAX_NOTIFICATIONS_BODY_BYTES / 2)],
    [
      'short elements',
      'application/json',
      `[${'1,'.repeat(MAX_NOTIFICATIONS_BODY_BYTES / 2 - 1)}1]`,
    ],
    ['objects', 'application/json', `[${'{},'.repeat(MAX_NOTIFICATIONS_BODY_BYTES / 3 - 2)}{}]`],
    ['brackets', 'application/json', '['.repeat(MAX_NOTIFICATIONS_BODY_BYTES)],
  ])('uses less than a second of processor time for a body of %s', async (_, type, body) => {
    // Time of the processor and not of the clock: other programs do not count.
    const before = process.threadCpuUsage();
    const { status } = await send(PATH, body, type);
    expect([202, 400, 413]).toContain(status);
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});
