import { PropagatorError, reportOf } from '../../../lib/shared/errors.ts';
import { redactDeep, redactText } from '../../../lib/shared/redaction.ts';
import { EVERY_CLASS, StatefulSimulation } from '../../property/stateful-simulation.ts';
import { SECRET_PART, SECRET_TEXTS } from './secrets.ts';

const SECRET = 'gAAAAABk-hush';
const nested = (value: object, times: number): string =>
  times === 0
    ? JSON.stringify(value)
    : nested({ 'oslo.message': JSON.stringify(value) }, times - 1);

describe('a redacted text', () => {
  it.each(
    [0, 1, 2].flatMap((depth) =>
      ['_context_auth_token', 'password', 'X-Auth-Token', 'client_secret'].map(
        (name) => [name, depth] as const,
      ),
    ),
  )('omits %s in JSON nested %i times, and keeps the rest', (name, depth) => {
    const text = nested(
      { event_type: 'identity.project.deleted', [name]: SECRET, payload: { id: 'p1', tokens: 3 } },
      depth,
    );
    const cut = redactText(text);
    expect(cut).not.toContain(SECRET);
    for (const kept of ['identity.project.deleted', 'p1', name]) expect(cut).toContain(kept);
  });

  it.each([
    [
      'a value with quotes and backslashes',
      `{"password":${JSON.stringify(`a"b\\${SECRET}`)},"id":"p1"}`,
    ],
    [
      'such a value in JSON within JSON',
      JSON.stringify({ m: `{"password":${JSON.stringify(`a"b\\${SECRET}`)},"id":"p1"}` }),
    ],
    ['a truncated value', `{"id":"p1","token":"${SECRET}`],
    [
      'a whole structure',
      `{"id":"p1","token":{"methods":["password"],"secret-less":{"a":"${SECRET}"}}`,
    ],
    ['white space', `{"id" : "p1",\n  "token"\t:\n "${SECRET}"}`],
    ['capitals', `{"id":"p1","TOKEN":"${SECRET}"}`],
  ])('does not contain %s', (_, text) => {
    expect(redactText(text)).not.toContain(SECRET);
    expect(redactText(text)).toContain('[redacted]');
    expect(redactText(text)).toContain('id');
  });

  it('keeps text without secrets unchanged', () => {
    const text =
      '{"event_type":"identity.project.deleted","note":"the token of \\"ann\\" is gone"}';
    expect(redactText(text)).toBe(text);
  });

  it.each(SECRET_TEXTS)(
    'omits %s at any position, and does not change when redacted again',
    (_, text) => {
      for (const depth of [0, 1, 2]) {
        const cut = redactText(depth === 0 ? text : nested({ text, id: 'p1' }, depth - 1));
        expect(cut).not.toContain(SECRET_PART);
        expect(cut).toContain('[redacted]');
        expect(redactText(cut)).toBe(cut);
      }
    },
  );

  it.each([
    'barbican answered 403 to DELETE /v1/secrets/{id}: Secret deletion attempt not allowed',
    'barbican.secret: 3 are left, keystone.credential: none',
    'Could not find token: it may have expired',
    "The user's password is older than the policy allows",
    'https://keystone:5000/v3/auth/tokens answered 503',
    'op-0123456789ab/barbican/RegionOne',
    'Credential rotation: see the log',
  ])('keeps sentences about secrets: %s', (text) => {
    expect(redactText(text)).toBe(text);
  });

  it.each([
    ['quotes and slashes', '\\"'],
    ['names', '"token'],
    ['names and no quotes', 'token'],
    ['names and equal signs', 'token='],
    ['slashes', '\\'],
    ['names with dashes', 'x-token-'],
    ['one character', 'a'],
    ['beginnings of keys', '-----BEGIN PRIVATE KEY-----'],
    ['beginnings of addresses', 'a://b:'],
  ])('is computed quickly from a long text of %s', (_, piece) => {
    const began = performance.now();
    redactText(piece.repeat(60_000 / piece.length));
    expect(performance.now() - began).toBeLessThan(1000);
  });
});

describe('a redacted value', () => {
  it('keeps fields of any name, and redacts secrets in their texts', () => {
    const counts = {
      'barbican.secret': { listed: 3, gone: 1, left: 2 },
      'keystone.credential': { listed: 1, gone: 1, left: 0 },
    };
    const value = {
      counts,
      skipTypes: ['barbican.secret'],
      again: undefined,
      more: [{ message: `password=${SECRET_PART}` }, null, 3, true],
    };
    expect(redactDeep(value)).toEqual({
      ...value,
      more: [{ message: 'password=[redacted]' }, null, 3, true],
    });
  });
});

describe.each(SECRET_TEXTS)('%s in text of another program', (_, text) => {
  it('is in no error', () => {
    const report = { code: 'x', class: 'Unexpected', message: text, advice: text } as const;
    const error = new PropagatorError(report);
    expect(
      JSON.stringify([
        error.message,
        error.report,
        error.stack,
        reportOf(new Error(text), { code: 'x' }),
        reportOf(text, { code: 'x' }),
      ]),
    ).not.toContain(SECRET_PART);
  });

  it('is in no event of a service, no task and no dead letter', async () => {
    const simulation = new StatefulSimulation([
      ...EVERY_CLASS,
      { name: 'rating', resourceTypes: { quote: 'A' } },
    ]);
    const seen: unknown[] = [];
    const { commit } = simulation.engine;
    simulation.engine.commit = (change) => {
      seen.push(structuredClone(change));
      return commit.call(simulation.engine, change);
    };
    simulation.httpPlugins.push('rating');
    simulation.cloud.blocks.set('compute', { message: text, actor: 'operator', advice: text });
    simulation.cloud.brokenTypes.set('network.port', new Error(text) as never);
    await simulation.ask();
    await simulation.settle();
    const task = simulation.task('rating');
    const conditions = [{ class: 'Blocked', message: text, actor: 'operator', count: 1 }];
    await simulation.engine.commit({
      tasks: [{ ...task, state: 'requested', phase: 'apply', endedAt: undefined }],
    });
    const report = {
      type: 'service.progressed',
      phase: 'apply',
      data: { again: { afterSeconds: 60 }, conditions },
    };
    expect(
      (await simulation.call('POST', `/v1/tasks/${encodeURIComponent(task.id)}/report`, report))
        .status,
    ).toBe(202);
    await simulation.settle();
    expect(JSON.stringify(seen)).toContain('[redacted]');
    expect(JSON.stringify([seen, simulation.engine.deadLetterList])).not.toContain(SECRET_PART);
  });
});
