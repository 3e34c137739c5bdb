// Preloaded into the measured process (`node --import`): appends one JSON line for each call over
// undici to the file in BENCH_TRACE. The propagator itself does not use it.
import { subscribe } from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';

interface UndiciRequest {
  readonly method: string;
  readonly origin: string;
  readonly path: string;
}
const isRequest = (value: unknown): value is UndiciRequest =>
  typeof value === 'object' && value !== null && 'method' in value && 'path' in value;

const traceFile = process.env.BENCH_TRACE ?? '';
const startTimes = new Map<unknown, number>();
const statuses = new Map<unknown, number>();
let lines: string[] = [];

const requestOf = (message: unknown): UndiciRequest | undefined => {
  const request =
    typeof message === 'object' && message !== null && 'request' in message
      ? message.request
      : undefined;
  return isRequest(request) ? request : undefined;
};
const recordEnd = (message: unknown): void => {
  const request = requestOf(message);
  const from = startTimes.get(request);
  if (!request || from === undefined) return;
  startTimes.delete(request);
  const { method, origin, path } = request;
  const status = statuses.get(request) ?? 0;
  statuses.delete(request);
  lines.push(JSON.stringify({ from, to: Date.now(), method, origin, path, status }));
};
const flush = (): void => {
  if (lines.length === 0) return;
  appendFileSync(traceFile, `${lines.join('\n')}\n`);
  lines = [];
};

subscribe('undici:request:create', (message) => {
  const request = requestOf(message);
  if (request) startTimes.set(request, Date.now());
});
subscribe('undici:request:headers', (message) => {
  const request = requestOf(message);
  if (!request || typeof message !== 'object' || message === null) return;
  const response = 'response' in message ? message.response : undefined;
  if (typeof response === 'object' && response !== null && 'statusCode' in response)
    statuses.set(request, Number(response.statusCode));
});
subscribe('undici:request:trailers', recordEnd);
subscribe('undici:request:error', recordEnd);
setInterval(flush, 250).unref();
process.once('exit', flush);
