import * as z from 'zod';
import { serverSentEvents } from '../../../lib/cli/server-sent-events.ts';
import { operation } from '../../engine/samples.ts';
import { apiUnderTest, BASE } from './api-under-test.ts';

const watchTimes = { pollMillis: 5, heartbeatMillis: 20, streamMillis: 30_000 };
const State = z.looseObject({ operation: z.looseObject({ state: z.string() }) });

/** The events of a response, one at a time. */
const eventsOf = (answer: Response) => {
  if (!answer.body) throw new Error('the response has no body');
  return serverSentEvents(answer.body);
};

describe('the event stream of an operation', () => {
  it('sends the present state and each changed state, and ends with the operation', async () => {
    const { app, engine } = apiUnderTest({ watchTimes });
    const opened = operation({ state: 'confirming' });
    await engine.commit({ operations: [opened] });
    const answer = await app.request(`${BASE}/v1/operations/${opened.id}/events`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/event-stream'),
    ]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const seenEvents: string[] = [];
    for await (const { event, data } of eventsOf(answer)) {
      const { success, data: state } = State.safeParse(JSON.parse(data));
      seenEvents.push(success ? `${event} ${state.operation.state}` : event);
      if (seenEvents.length === 1)
        await engine.commit({ operations: [{ ...opened, version: 1, state: 'running' }] });
      if (seenEvents.length === 2)
        await engine.commit({
          operations: [{ ...opened, version: 2, state: 'finished', endedAt: engine.time }],
        });
    }
    expect(seenEvents).toEqual([
      'operation confirming',
      'operation running',
      'operation finished',
      'end',
    ]);
  });

  it('sends a comment while nothing changes, and ends after its time', async () => {
    const { app, engine } = apiUnderTest({ watchTimes: { ...watchTimes, streamMillis: 200 } });
    const opened = operation({ state: 'held' });
    await engine.commit({ operations: [opened] });
    const answer = await app.request(`${BASE}/v1/operations/${opened.id}/events`);
    const text = await answer.text();
    expect(text.match(/^event: operation$/gm)).toHaveLength(1);
    expect(text).toContain(': heartbeat\n\n');
    expect(text).not.toContain('event: end');
  });

  it('is refused for an unknown operation, and for more clients than the limit', async () => {
    const { app, engine } = apiUnderTest({ watchTimes });
    const missing = await app.request(`${BASE}/v1/operations/op-000000000000/events`);
    expect(missing.status).toBe(404);
    const opened = operation({ state: 'held' });
    await engine.commit({ operations: [opened] });
    const openStream = () => app.request(`${BASE}/v1/operations/${opened.id}/events`);
    const streams = await Promise.all(Array.from({ length: 50 }, openStream));
    const refused = await openStream();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10']);
    await Promise.all(streams.map((stream) => stream.body?.cancel()));
    // When a client leaves, another client may connect.
    let newestAnswer = refused;
    for (let attempt = 0; attempt < 500 && newestAnswer.status !== 200; attempt += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      newestAnswer = await openStream();
    }
    expect(newestAnswer.status).toBe(200);
    await newestAnswer.body?.cancel();
  });

  it('is refused on Lambda, and the error names the route to use', async () => {
    const { app, engine } = apiUnderTest({ canStream: false });
    const opened = operation();
    await engine.commit({ operations: [opened] });
    const answer = await app.request(`${BASE}/v1/operations/${opened.id}/events`);
    expect(answer.status).toBe(406);
    expect(await answer.json()).toMatchObject({ error: { code: 'api.stream' } });
  });
});

describe('the event stream of all operations', () => {
  it('sends the list again when an operation is opened', async () => {
    const { app, engine } = apiUnderTest({ watchTimes });
    await engine.commit({ operations: [operation({ state: 'held' })] });
    const answer = await app.request(`${BASE}/v1/operations/events?state=held`);
    const counts: number[] = [];
    for await (const { event, data } of eventsOf(answer)) {
      expect(event).toBe('operations');
      counts.push(
        z.object({ operations: z.array(z.unknown()) }).parse(JSON.parse(data)).operations.length,
      );
      if (counts.length === 2) break;
      await engine.commit({ operations: [operation({ state: 'held' })] });
    }
    expect(counts).toEqual([1, 2]);
  });
});
