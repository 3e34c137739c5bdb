import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { createInterface } from 'node:readline/promises';
import * as z from 'zod';
import { reportOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { EXIT } from './terminal.ts';

/** The text of a file; `undefined` when it is missing or unreadable. */
export function readFileIfReadable(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * The maximum time for a stop. Handlers have 10 s; the broker and the database need a few seconds
 * more.
 */
const STOP_TIMEOUT_MILLIS = 30_000;
/** More unhandled rejections than this within a minute end the process. */
const MAX_REJECTIONS_PER_MINUTE = 10;
const MINUTE_MILLIS = 60_000;

/** The functions of Node's `process` that this module calls. Tests replace them. */
export interface ProcessPort {
  on(event: string, listener: (value: unknown) => void): unknown;
  off(event: string, listener: (value: unknown) => void): unknown;
  exit(code: number): void;
}

/**
 * Waits for SIGTERM or SIGINT, then stops. A second signal, or a stop of more than 30 s, ends the
 * process immediately; the next start continues unfinished work.
 */
export async function runUntilSignal(
  stop: () => Promise<void>,
  log: Log,
  { processPort = process as ProcessPort, stopTimeoutMillis = STOP_TIMEOUT_MILLIS } = {},
): Promise<void> {
  let listener = (_signal: unknown): void => undefined;
  const firstSignal = new Promise<void>((resolve) => {
    let isStopping = false;
    listener = (signal) => {
      if (isStopping) {
        log.warn({ signal }, 'received a second signal; the process ends immediately');
        processPort.exit(128 + signalNumber(signal));
        return;
      }
      isStopping = true;
      resolve();
    };
  });
  processPort.on('SIGTERM', listener);
  processPort.on('SIGINT', listener);
  await firstSignal;
  log.info('stopping; the next start continues unfinished work');
  const stopTimeout = setTimeout(() => {
    log.error(
      { seconds: stopTimeoutMillis / 1000 },
      'stopping took too long; the process ends immediately',
    );
    processPort.exit(1);
  }, stopTimeoutMillis);
  try {
    await stop();
  } finally {
    clearTimeout(stopTimeout);
    processPort.off('SIGTERM', listener);
    processPort.off('SIGINT', listener);
  }
}

const signalNumber = (signal: unknown): number =>
  signal === 'SIGINT' ? constants.signals.SIGINT : constants.signals.SIGTERM;

/**
 * Handles errors that no code catches. An unhandled rejection is a defect: it is logged with its
 * cause, and the process continues, because a message whose handler did not complete is delivered
 * again. Two cases end the process with exit code 1, because its memory may be inconsistent: more
 * than 10 rejections within a minute, and an exception outside a promise. Returns a function that
 * removes the handlers.
 */
export function handleUnhandledErrors(
  log: Log,
  { processPort = process as ProcessPort, now = () => performance.now() } = {},
): () => void {
  let recentRejections: number[] = [];
  const onRejection = (thrown: unknown): void => {
    log.error(
      logFieldsOf(thrown),
      'unhandled promise rejection; this is a defect, please report it',
    );
    recentRejections = [...recentRejections.filter((at) => now() - at < MINUTE_MILLIS), now()];
    if (recentRejections.length <= MAX_REJECTIONS_PER_MINUTE) return;
    log.error(
      { rejections: recentRejections.length },
      'too many unhandled promise rejections within a minute; the process ends',
    );
    processPort.exit(1);
  };
  const onException = (thrown: unknown): void => {
    log.error(logFieldsOf(thrown), 'uncaught exception; the process ends');
    processPort.exit(1);
  };
  processPort.on('unhandledRejection', onRejection);
  processPort.on('uncaughtException', onException);
  return () => {
    processPort.off('unhandledRejection', onRejection);
    processPort.off('uncaughtException', onException);
  };
}

function logFieldsOf(thrown: unknown) {
  const cause = thrown instanceof Error ? thrown.cause : undefined;
  return {
    error: reportOf(thrown, { code: 'process.unhandled' }),
    ...(cause === undefined ? {} : { cause: String(cause) }),
    ...(thrown instanceof Error ? { stack: thrown.stack } : {}),
  };
}

/** The version in package.json. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/**
 * Ends the process without an error message when the reader of its output, for example `head -1`,
 * closes the pipe. Node ignores SIGPIPE, and an unhandled EPIPE would print a stack trace. This
 * does not end `start` and `relay`, which write their log through another stream.
 */
export function endWhenReaderStops(
  streams: readonly NodeJS.WriteStream[],
  exit: (code: number) => void,
): void {
  for (const stream of streams)
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') exit(EXIT.readerStopped);
      else throw error;
    });
}

/** Asks a person at the terminal, and returns the typed line. */
export async function askPerson(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** The duration after which a call shows a progress line. */
const PROGRESS_DELAY_MILLIS = 2000;

/** Shows a progress line on the terminal during a call of more than 2 s. */
export function withProgress<Arguments extends unknown[], Result>(
  call: (...args: Arguments) => Promise<Result>,
  stream: NodeJS.WriteStream,
): (...args: Arguments) => Promise<Result> {
  if (!stream.isTTY) return call;
  return async (...args) => {
    const startedAt = Date.now();
    const timer = setInterval(() => {
      const seconds = Math.round((Date.now() - startedAt) / 1000);
      stream.write(`\rwaiting for the propagator, ${seconds} s`);
    }, PROGRESS_DELAY_MILLIS);
    try {
      return await call(...args);
    } finally {
      clearInterval(timer);
      if (Date.now() - startedAt >= PROGRESS_DELAY_MILLIS) stream.write('\r\u001b[K');
    }
  };
}
