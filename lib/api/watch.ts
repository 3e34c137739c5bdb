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
  /** Between two reads of the store. */
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

const TOO_MANY = problemBody(
  'streams',
  `${MAX_STREAMS} clients already watch operations`,
  'Close one of them, or read GET /v1/operations/:id in intervals.',
);
const NO_STREAM = problemBody(
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

  /** `read` returns the data of an event. `isLast`: no other state follows. */
  function stream(
    context: Context,
    event: string,
    read: () => Promise<{ readonly data: object; readonly isLast: boolean }>,
  ): Response {
    if (deps.canStream === false) return context.json(NO_STREAM, 406);
    if (openStreamCount >= MAX_STREAMS) {
      context.header('retry-after', '10');
      return context.json(TOO_MANY, 503);
    }
    openStreamCount += 1;
    context.header('x-accel-buffering', 'no');
    return streamSSE(context, async (out) => {
      try {
        await sendStates(out, event, read, times);
      } finally {
        openStreamCount -= 1;
      }
    });
  }

  app.get('/v1/operations/events', (context) => {
    const query = OperationQuery.parse(context.req.query());
    return stream(context, 'operations', async () => ({
      data: await viewsOfOperations(query, deps),
      isLast: false,
    }));
  });

  app.get('/v1/operations/:id/events', async (context) => {
    const id = OperationId.parse(context.req.param('id'));
    const operation = await deps.engine.reads.operation(id);
    if (!operation) return answerUnknownOperation(context);
    return stream(context, 'operation', async () => {
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
  out: SSEStreamingApi,
  event: string,
  read: () => Promise<{ readonly data: object; readonly isLast: boolean }>,
  { pollMillis, heartbeatMillis, streamMillis }: WatchTimes,
): Promise<void> {
  const begin = performance.now();
  let lastText = '';
  let lastWrittenAt = begin;
  let eventNumber = 0;
  while (!out.aborted && !out.closed && performance.now() - begin < streamMillis) {
    const { data, isLast } = await read();
    const text = JSON.stringify(redactDeep(data));
    if (text !== lastText) {
      eventNumber += 1;
      await out.writeSSE({ event, data: text, id: String(eventNumber) });
      lastText = text;
      lastWrittenAt = performance.now();
    } else if (performance.now() - lastWrittenAt >= heartbeatMillis) {
      await out.write(': heartbeat\n\n');
      lastWrittenAt = performance.now();
    }
    if (isLast) {
      await out.writeSSE({ event: 'end', data: '{}' });
      return;
    }
    await out.sleep(pollMillis);
  }
}
