import type { Context, Hono } from 'hono';
import { type SSEStreamingApi, streamSSE } from 'hono/streaming';
import { OperationId } from '../../events/ids.ts';
import { hasEnded } from '../operation/ended.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { ApiDeps } from './deps.ts';
import { OperationQuery, viewOfOperation, viewsOfOperations } from './operation-views.ts';
import { answerUnknownOperation, problemBody } from './problem.ts';

/** Intervals of {@link watchRoutes}, in milliseconds. */
export interface WatchTimes {
  /** The time between two reads of the store. */
  readonly pollMillis: number;
  /** The maximum time without traffic, because proxies close idle connections. */
  readonly heartbeatMillis: number;
  /**
   * The duration of a stream. The client then opens a new stream, and its token is checked again.
   */
  readonly streamMillis: number;
}
const DEFAULT_TIMES: WatchTimes = {
  pollMillis: 1000,
  heartbeatMillis: 15_000,
  streamMillis: 60_000,
};
/** The maximum number of open streams of this process. Each stream reads the store every second. */
const MAX_STREAMS = 50;

const TOO_MANY_STREAMS_PROBLEM = problemBody(
  'streams',
  `${MAX_STREAMS} clients already watch operations`,
  'Close one of them, or read GET /v1/operations/:id in intervals.',
);
const NO_STREAM_PROBLEM = problemBody(
  'stream',
  'the API runs on Lambda and cannot stream events',
  'Read GET /v1/operations/:id in intervals. The command `propagator operation watch` does this.',
);

/**
 * Routes that send an operation, or the list of operations, as server-sent events. The first event
 * has the current state, and each later event a changed state. After the last state of an
 * operation, its stream sends `end`. Clients need no `Last-Event-ID`, because each event has the
 * whole state.
 */
export function watchRoutes(app: Hono, deps: ApiDeps, times: WatchTimes = DEFAULT_TIMES): void {
  let openStreamCount = 0;

  /**
   * Answers with a stream of events. `readState` reads the data of the next event. `isLast`: the
   * stream ends after this event.
   */
  function answerStream(
    context: Context,
    event: string,
    readState: () => Promise<{ readonly data: object; readonly isLast: boolean }>,
  ): Response {
    if (deps.canStream === false) return context.json(NO_STREAM_PROBLEM, 406);
    if (openStreamCount >= MAX_STREAMS) {
      context.header('retry-after', '10');
      return context.json(TOO_MANY_STREAMS_PROBLEM, 503);
    }
    openStreamCount += 1;
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (stream) => {
      try {
        await sendStates(stream, event, readState, times);
      } finally {
        openStreamCount -= 1;
      }
    });
  }

  app.get('/v1/operations/events', (context) => {
    const query = OperationQuery.parse(context.req.query());
    return answerStream(context, 'operations', async () => ({
      data: await viewsOfOperations(query, deps),
      isLast: false,
    }));
  });

  app.get('/v1/operations/:id/events', async (context) => {
    const id = OperationId.parse(context.req.param('id'));
    const operation = await deps.engine.reads.operation(id);
    if (!operation) return answerUnknownOperation(context);
    return answerStream(context, 'operation', async () => {
      const data = await viewOfOperation(
        (await deps.engine.reads.operation(id)) ?? operation,
        deps,
      );
      return { data, isLast: hasEnded(data.operation) };
    });
  });
}

/** Sends each changed state. Ends after the last state, or at the end of `streamMillis`. */
async function sendStates(
  stream: SSEStreamingApi,
  event: string,
  readState: () => Promise<{ readonly data: object; readonly isLast: boolean }>,
  { pollMillis, heartbeatMillis, streamMillis }: WatchTimes,
): Promise<void> {
  const beganAt = performance.now();
  let lastText = '';
  let lastWrittenAt = beganAt;
  let eventNumber = 0;
  while (!stream.aborted && !stream.closed && performance.now() - beganAt < streamMillis) {
    const { data, isLast } = await readState();
    const text = JSON.stringify(redactDeep(data));
    if (text !== lastText) {
      eventNumber += 1;
      await stream.writeSSE({ event, data: text, id: String(eventNumber) });
      lastText = text;
      lastWrittenAt = performance.now();
    } else if (performance.now() - lastWrittenAt >= heartbeatMillis) {
      await stream.write(': heartbeat\n\n');
      lastWrittenAt = performance.now();
    }
    if (isLast) {
      await stream.writeSSE({ event: 'end', data: '{}' });
      return;
    }
    await stream.sleep(pollMillis);
  }
}
