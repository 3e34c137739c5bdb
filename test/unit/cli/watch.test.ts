import { ApiClient } from '../../../lib/cli/client.ts';
import { createRedraw } from '../../../lib/cli/output.ts';
import { serverSentEvents } from '../../../lib/cli/server-sent-events.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { liveView, rateOf, watchLine } from '../../../lib/cli/show/watch.ts';
import { followOperation } from '../../../lib/cli/watch.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { operation, task } from '../../engine/samples.ts';
import { commandLine } from './command-line.ts';
import { plain } from './samples.ts';

const stateOf = (state: string, removed: number, more: object = {}): OperationShape =>
  OperationShape.parse({
    operation: operation({ state: state as 'running' }),
    tasks: [],
    resources: { found: 10, removed, left: 10 - removed },
    waitsOn: [],
    ...more,
  });

describe('operation watch', () => {
  it('prints each state in a line, and ends with the exit code of the operation', async () => {
    const { engine, type } = commandLine();
    const ended = operation({ state: 'unverified', endedAt: 1 });
    await engine.commit({ operations: [ended] });
    const { code, out } = await type(`operation watch ${ended.id}`);
    expect(code).toBe(3);
    expect(out).toMatch(/^\S+Z unverified: 0 of 0 removed, 0 left\n/);
    expect(out).toContain(
      `has ended: unverified. Details: propagator operation show ${ended.id}\n`,
    );
    expect(await type('operation watch op-000000000000')).toMatchObject({ code: 1, out: '' });
  });
});

describe('the states that a watch follows', () => {
  const states = [stateOf('running', 1), stateOf('running', 1), stateOf('finished', 10)];
  const errorWithCode = (code: string) =>
    new PropagatorError({ code, class: 'Unexpected', message: 'm', advice: 'a' });
  const followStates = async (
    events: (path: string) => AsyncGenerator<unknown>,
    answers: readonly (OperationShape | PropagatorError)[] = states,
  ) => {
    const remainingAnswers = [...answers];
    const slept: number[] = [];
    const seenStates: string[] = [];
    const get = async () => {
      const answer = remainingAnswers.shift();
      if (answer instanceof PropagatorError) throw answer;
      return answer;
    };
    const client = { events, get } as never;
    const sleep = async (millis: number) => void slept.push(millis);
    for await (const { operation: one } of followOperation('op-1', { client, sleep }))
      seenStates.push(one.state);
    return { seenStates, slept };
  };

  it('come from events, even over several streams', async () => {
    const streams = [states.slice(0, 2), states.slice(2)];
    const events = async function* () {
      yield* streams.shift() ?? [];
    };
    const { seenStates } = await followStates(events);
    expect(seenStates).toEqual(['running', 'running', 'finished']);
  });

  it('come from a new stream when the connection of the first one breaks', async () => {
    const bytes = (state: OperationShape) =>
      new TextEncoder().encode(`event: operation\ndata: ${JSON.stringify(state)}\n\n`);
    const broken = [states.slice(0, 1), []].map(
      (sent) =>
        new ReadableStream<Uint8Array>({
          pull(controller) {
            const nextPart = sent.shift();
            if (nextPart) controller.enqueue(bytes(nextPart));
            else controller.error(new TypeError('terminated'));
          },
        }),
    );
    const completeBody = new TextDecoder().decode(bytes(stateOf('finished', 10)));
    const bodies = [...broken, completeBody];
    const client = new ApiClient('http://propagator', async () => new Response(bodies.shift()));
    const { seenStates, slept } = await followStates((path) => client.events(path, OperationShape));
    expect({ seenStates, slept }).toEqual({
      seenStates: ['running', 'finished'],
      slept: [500, 2000],
    });
  });

  it('come from a new stream when the propagator restarts', async () => {
    const restart = ['cli.no-answer', 'api.http.502', 'api.starting'].map(errorWithCode);
    const answers = [states.slice(0, 1), ...restart, states.slice(2)];
    const events = async function* () {
      const nextPart = answers.shift() ?? [];
      if (nextPart instanceof PropagatorError) throw nextPart;
      yield* nextPart;
    };
    const { seenStates, slept } = await followStates(events);
    expect({ seenStates, slept }).toEqual({
      seenStates: ['running', 'finished'],
      slept: [500, 2000, 2000, 2000],
    });
  });

  it('end with an error if the propagator is not there at first, or stays away', async () => {
    let attempts = 0;
    const failing = (first: OperationShape[]) =>
      async function* () {
        attempts += 1;
        if (attempts > first.length) throw errorWithCode('cli.no-answer');
        yield* first;
      };
    await expect(followStates(failing([]))).rejects.toMatchObject({
      report: { code: 'cli.no-answer' },
    });
    expect(attempts).toBe(1);
    attempts = 0;
    await expect(followStates(failing(states.slice(0, 1)))).rejects.toThrow('m');
    expect(attempts).toBe(31);
  });

  it('are read in intervals where the API does not stream', async () => {
    const events = async function* (): AsyncGenerator<unknown> {
      yield* [];
      throw errorWithCode('api.stream');
    };
    const { seenStates, slept } = await followStates(events);
    expect(seenStates.at(-1)).toBe('finished');
    expect(slept.every((millis) => millis === 2000)).toBe(true);
  });

  it('are read in intervals during a restart where the API does not stream', async () => {
    let streams = 0;
    const events = async function* (): AsyncGenerator<unknown> {
      streams += 1;
      yield* [];
      throw errorWithCode('api.streams');
    };
    const answers = [
      stateOf('running', 1),
      errorWithCode('cli.no-answer'),
      stateOf('finished', 10),
    ];
    const { seenStates, slept } = await followStates(events, answers);
    expect({ seenStates, slept, streams }).toEqual({
      seenStates: ['running', 'finished'],
      slept: [2000, 2000],
      streams: 1,
    });
  });

  it('survive any number of short restarts', async () => {
    const restart = Array.from({ length: 20 }, () => errorWithCode('api.http.503'));
    const first = stateOf('running', 1);
    const answers = [first, ...restart, first, ...restart, stateOf('finished', 10)];
    const events = async function* (): AsyncGenerator<unknown> {
      yield* [];
      throw errorWithCode('api.stream');
    };
    expect((await followStates(events, answers)).seenStates).toEqual(['running', 'finished']);
  });

  it.each(['api.operation', 'api.path'])('end with the error %s of the API', async (code) => {
    const events = async function* (): AsyncGenerator<unknown> {
      yield* [];
      throw errorWithCode(code);
    };
    await expect(
      followStates(events, [stateOf('running', 1), errorWithCode(code)]),
    ).rejects.toMatchObject({
      report: { code },
    });
  });
});

describe('server-sent events', () => {
  it('are parsed across chunks, with several lines of data, and without comments', async () => {
    const text = ': hi\n\nevent: operation\ndata: {"a":\ndata: "ä"}\nid: 1\n\ndata: x\n\ndata: cut';
    const bytes = new TextEncoder().encode(text);
    const chunks = async function* () {
      for (const byte of bytes) yield Uint8Array.of(byte);
    };
    const parsedEvents = [];
    for await (const event of serverSentEvents(chunks())) parsedEvents.push(event);
    expect(parsedEvents).toEqual([
      { event: 'operation', data: '{"a":\n"ä"}' },
      { event: 'message', data: 'x' },
    ]);
  });
});

describe('the rate of removals', () => {
  it('is unknown at first, and is measured over the last minute', () => {
    expect(rateOf([{ at: 0, removed: 0 }], 5)).toEqual({});
    expect(
      rateOf(
        [
          { at: 0, removed: 0 },
          { at: 10_000, removed: 0 },
        ],
        5,
      ),
    ).toEqual({});
    expect(
      rateOf(
        [
          { at: 0, removed: 0 },
          { at: 10_000, removed: 20 },
        ],
        30,
      ),
    ).toEqual({
      perSecond: 2,
      leftMillis: 15_000,
    });
    const samples = [0, 100_000, 130_000].map((at, index) => ({ at, removed: index * 30 }));
    expect(rateOf(samples, 10).perSecond).toBe(1);
  });
});

describe('the live view', () => {
  const opened = operation({ state: 'running', openedAt: 0 });
  const view = OperationShape.parse({
    operation: opened,
    tasks: [
      {
        ...task(opened.id, 'nova', { state: 'requested', nextAt: 1 }),
        counts: { 'nova.server': { found: 4, removed: 1, left: 3 } },
        error: undefined,
      },
    ],
    resources: { found: 4, removed: 1, left: 3 },
    waitsOn: [
      {
        on: 'nova.server: deleting',
        since: 0,
        actor: 'none',
        advice: undefined,
        deadLetter: false,
      },
    ],
  });
  const samples = [
    { at: 0, removed: 0 },
    { at: 10_000, removed: 1 },
  ];

  it('shows progress per service, rate, time left, and the age of each cause that it waits for', () => {
    const text = liveView(view, samples, 10_000, plain);
    expect(text).toContain('[########......................] 1 of 4 removed, 3 left');
    expect(text).toContain('0.1 per second, about 30s to go');
    expect(text).toMatch(/nova +RegionOne +requested +4 +1 +3/);
    expect(text).toContain('nova.server: deleting\n    for 10s; no action needed');
    expect(watchLine(view, samples, 10_000)).toContain(
      'running: 1 of 4 removed, 3 left, 0.1 per second, about 30s to go; waits for nova.server: deleting',
    );
  });

  it.each([
    ['suspend', 'suspended'],
    ['resume', 'resumed'],
    ['provision', 'ready'],
  ] as const)('says what a %s has done with the resources', (action, word) => {
    const actionView = { ...view, operation: { ...view.operation, action } };
    expect(liveView(actionView, samples, 10_000, plain)).toContain(`FOUND  ${word.toUpperCase()}`);
    expect(watchLine(actionView, samples, 10_000)).toContain(`1 of 4 ${word}, 3 left`);
    expect(liveView(actionView, samples, 10_000, plain)).not.toMatch(/removed/i);
  });

  it('replaces the earlier view, and is never larger than the screen', () => {
    const written: string[] = [];
    const redraw = createRedraw({ rows: 5, columns: 6, write: (text) => written.push(text) });
    redraw('1\n2\n3\n4\n5\n6');
    redraw('\u001b[31m12345678\u001b[39m');
    expect(written).toEqual([
      '\u001b[2K1\n\u001b[2K2\n\u001b[2K3\n\u001b[J',
      '\u001b[3A\u001b[2K\u001b[31m12345\u001b[39m\n\u001b[J',
    ]);
  });

  it('shows all lines on a terminal of unknown size', () => {
    const written: string[] = [];
    createRedraw({ rows: 0, columns: 0, write: (text) => written.push(text) })('first\nsecond');
    expect(written).toEqual(['\u001b[2Kfirst\n\u001b[2Ksecond\n\u001b[J']);
  });
});
