import { readFileSync } from 'node:fs';
import { JSDOM } from 'jsdom';
import { Console } from '../../../console/app.ts';

/** An answer of the API of a test: JSON, or a stream. */
export type Answer = Response | Promise<Response>;
export type Answers = (path: string, init: RequestInit) => Answer | undefined;

export const json = (
  value: unknown,
  status = 200,
  headers: Record<string, string> = {},
): Response => Response.json(value, { status, headers });
const problem = (status: number, code: string, message: string) =>
  json({ error: { code, message, advice: 'Do this.' } }, status);
export const refused = (status: number): Response => problem(status, 'api.x', `status ${status}`);

/** A stream of server-sent events that the test writes. */
export function eventStream() {
  let control: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      control = controller;
    },
  });
  let number = 0;
  return {
    answer: new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    send(event: string, data: unknown) {
      number += 1;
      const text = `event: ${event}\ndata: ${JSON.stringify(data)}\nid: ${number}\n\n`;
      control?.enqueue(new TextEncoder().encode(text));
    },
    end: () => control?.close(),
    fail: () => control?.error(new Error('the connection was reset')),
  };
}

/** The body of an answer ends with an error when the request is aborted, as in a browser. */
function abortable(answer: Response, signal: AbortSignal | null | undefined): Response {
  if (!answer.body || !signal) return answer;
  const body = answer.body.pipeThrough(new TransformStream<Uint8Array, Uint8Array>(), { signal });
  return new Response(body, answer);
}

export interface Sleep {
  readonly millis: number;
  /** Ends the wait. */
  wake(): void;
}

/** A tab with the page of the console. The test controls its network and its clock. */
export function openTab(
  answers: Answers,
  { hash = '#/', isSafe = true, now = 1_800_000_000_000 } = {},
) {
  const dom = new JSDOM(readFileSync('console/static/index.html', 'utf8'));
  const { document } = dom.window;
  const calls: { path: string; headers: Record<string, string>; method: string }[] = [];
  const sleeps: Sleep[] = [];
  const timeouts: { millis: number; abort(): void }[] = [];
  const copied: string[] = [];
  let waiting: (() => void)[] = [];
  const changed = () => {
    const all = waiting;
    waiting = [];
    for (const one of all) one();
  };
  const state = { hash, token: undefined as string | undefined, now, permitsCopy: true };
  const page = new Console({
    document,
    fetch: async (path, init) => {
      calls.push({
        path,
        method: init.method ?? 'GET',
        headers: Object.fromEntries(new Headers(init.headers)),
      });
      changed();
      const answer = answers(path, init);
      if (!answer) throw new TypeError('network error');
      const { signal } = init;
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(new Error('the request was aborted')));
      });
      return abortable(await Promise.race([answer, aborted]), signal);
    },
    timeout: (millis) => {
      const control = new AbortController();
      timeouts.push({ millis, abort: () => control.abort() });
      return control.signal;
    },
    now: () => state.now,
    sleep: (millis, signal) =>
      new Promise((resolve) => {
        sleeps.push({ millis, wake: resolve });
        signal.addEventListener('abort', () => resolve());
        changed();
      }),
    hash: () => state.hash,
    setHash: (value) => {
      state.hash = value;
    },
    token: () => state.token,
    setToken: (value) => {
      state.token = value;
    },
    isSafe,
    copy: async (line) => {
      copied.push(line);
      return state.permitsCopy;
    },
  });
  const main = document.getElementById('main');
  const head = document.getElementById('header');
  if (!main || !head) throw new Error('the page has no main element');
  /**
   * Waits until the condition is true. A condition that stays false ends at the time limit of the
   * test.
   */
  const until = async (isTrue: () => boolean) => {
    while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  return { page, document, main, head, calls, sleeps, timeouts, copied, state, until };
}
