import { existsSync, readFileSync } from 'node:fs';
import * as z from 'zod';

/** One call of the measured process. Times are epoch milliseconds. */
const TracedCall = z.object({
  from: z.number(),
  to: z.number(),
  method: z.string(),
  origin: z.string(),
  path: z.string(),
  status: z.number(),
});
export type TracedCall = z.infer<typeof TracedCall>;

/** The Node option that writes a trace into `BENCH_TRACE`. */
export const TRACE_OPTION = `--import=${new URL('./trace-hook.ts', import.meta.url).href}`;

/** Returns the calls of a trace file within a period, in order. */
export function readTrace(file: string, from: number, to: number): TracedCall[] {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
  return lines
    .filter((line) => line !== '')
    .map((line) => TracedCall.parse(JSON.parse(line)))
    .filter((call) => call.to >= from && call.from <= to)
    .sort((a, b) => a.from - b.from);
}

/** A period without a call under way. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** The call whose end began the period. */
  readonly after: TracedCall | undefined;
  /** The call whose start ended the period. */
  readonly before: TracedCall | undefined;
}

/** Returns the periods between `from` and `to` in which no call was under way. */
export function gapsOf(calls: readonly TracedCall[], from: number, to: number): Gap[] {
  const gaps: Gap[] = [];
  let [end, last]: [number, TracedCall | undefined] = [from, undefined];
  for (const call of calls) {
    if (call.from > end) gaps.push({ from: end, to: call.from, after: last, before: call });
    if (call.to >= end) [end, last] = [call.to, call];
  }
  if (to > end) gaps.push({ from: end, to, after: last, before: undefined });
  return gaps;
}

/**
 * Returns the name of a call: the method, and the path without query, ids and version. Example:
 * `GET /servers/detail`.
 */
export const nameOf = ({ method, path }: Pick<TracedCall, 'method' | 'path'>): string => {
  const [plain = ''] = path.split('?');
  const named = plain
    .replace(/\/[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/g, '/{id}')
    .replace(/\/AUTH_[^/]+/, '')
    .replace(/^\/v\d[.\d]*(\/\{id\}|\/[0-9a-f]{32})?/, '');
  return `${method} ${named || '/'}`;
};

/** Returns a text with the calls by name and the long waits, for the period `from` to `to`. */
export function describeTrace(calls: readonly TracedCall[], from: number, to: number): string {
  const seconds = (millis: number): string => (millis / 1000).toFixed(2);
  const gaps = gapsOf(calls, from, to);
  const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
  const groups = Map.groupBy(calls, nameOf);
  const rows = [...groups].map(([name, group]) => {
    const lengths = group.map((call) => call.to - call.from).sort((a, b) => a - b);
    const middle = lengths[Math.floor(lengths.length / 2)] ?? 0;
    const firstAt = Math.min(...group.map((call) => call.from));
    const lastAt = Math.max(...group.map((call) => call.to));
    const text =
      `  ${name.padEnd(52)} ${String(group.length).padStart(4)} calls, ` +
      `median ${middle} ms, first sent ${seconds(firstAt - from)} s, ` +
      `last answered ${seconds(lastAt - from)} s`;
    return { firstAt, text };
  });
  const waits = gaps
    .filter((gap) => gap.to - gap.from >= 150)
    .map(
      ({ from: start, to: end, after, before }) =>
        `  ${seconds(start - from)} to ${seconds(end - from)} s: after ` +
        `${after ? nameOf(after) : 'the start'}, before ${before ? nameOf(before) : 'the end'}`,
    );
  return [
    `trace: ${calls.length} calls in ${seconds(to - from)} s, idle waiting (no call under way) ` +
      `${seconds(idle)} s`,
    ...rows.sort((a, b) => a.firstAt - b.firstAt).map(({ text }) => text),
    'idle waiting of 150 ms or more:',
    ...waits,
  ].join('\n');
}

/** Returns one line for each call: seconds from `from` to its start and its end, and the answer. */
export const describeCalls = (calls: readonly TracedCall[], from: number): string =>
  calls
    .map((call) => {
      const [start, end] = [call.from, call.to].map((at) => ((at - from) / 1000).toFixed(2));
      return `  ${start} ${end} ${call.status} ${call.method} ${call.origin}${call.path}`;
    })
    .join('\n');
